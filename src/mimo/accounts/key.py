"""A key and what it may do. The secret itself is shown once and kept nowhere: only its SHA-256 is.

Knows no store and no request.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Literal, get_args

from mimo.accounts.problem import KeyProblem
from mimo.contract.models import MOST_PER_MINUTE

Reset = Literal["daily", "weekly", "monthly"]
RESETS: Sequence[str] = get_args(Reset)
MOST_DOLLARS = 10**6
_NAME_LENGTH = 100
KEY_BYTES = 16
"""Of an identity; those of configured keys are 32 bytes."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `id`: 32 hex digits, which stay when the secret is changed; `shown`: the first characters of the secret.

    `models`: ids it may use, () for all. `requests_per_minute`, `tokens_per_minute`: its own limits for each model,
    below those of the account. `budget`: pico-dollars it may spend, in all or between two resets. Times are
    microseconds since 1970. `admin`: it may read everybody's usage. `old_digest`: of the secret before this one, which
    lets in until `old_until`.
    """

    id: str
    name: str
    account: str
    digest: bytes
    shown: str
    created: int
    models: tuple[str, ...] = ()
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    budget: int | None = None
    reset: Reset | None = None
    expires: int | None = None
    admin: bool = False
    revoked: int | None = None
    old_digest: bytes | None = None
    old_until: int | None = None

    def takes(self, digest: bytes, now: int) -> bool:
        """Whether a secret of this key with that SHA-256 lets in: the present one, or the one before it for a while."""
        return digest == self.digest or (self.old_until is not None and now < self.old_until)

    @property
    def identity(self) -> bytes:
        """What the rest of the server knows the key by: it owns its files and batches, whatever its secret is today."""
        return bytes.fromhex(self.id)


def new_secret() -> str:
    """A secret with 256 random bits."""
    return f"sk-{secrets.token_urlsafe(32)}"


def digest_of(secret: str) -> bytes:
    """What is kept of a secret. It is random, so that nothing slower than SHA-256 is needed."""
    return sha256(secret.encode()).digest()


def shown_of(secret: str) -> str:
    """As much of a secret as tells it from others, and gives it to nobody."""
    return f"{secret[:7]}…"


def check_name(what: str, name: str) -> str:
    """`name` of a key or an account. Raises `KeyProblem`."""
    if not name.strip() or len(name) > _NAME_LENGTH or not name.isprintable() or name != name.strip():
        raise KeyProblem(f"{what} must be 1 to {_NAME_LENGTH} printable characters, got {name[:_NAME_LENGTH]!r}")
    return name


def check_count(what: str, given: int | None, most: int = MOST_PER_MINUTE) -> int | None:
    """A limit of a key. Raises `KeyProblem`."""
    if given is not None and not 1 <= given <= most:
        raise KeyProblem(f"{what} must be between 1 and {most:,}, got {given}")
    return given


def period_start(reset: Reset | None, now: int) -> int:
    """When the period of a budget began that `now` lies in, in microseconds; 0 for a budget that is never reset.

    Days begin at midnight UTC, weeks on Monday, months on the first."""
    if reset is None:
        return 0
    day = datetime.fromtimestamp(now / 10**6, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if reset == "weekly":
        day -= timedelta(days=day.weekday())
    elif reset == "monthly":
        day = day.replace(day=1)
    return round(day.timestamp()) * 10**6


def period_end(reset: Reset | None, now: int) -> int | None:
    """When the budget is whole again; None: never."""
    if reset is None:
        return None
    day = datetime.fromtimestamp(period_start(reset, now) / 10**6, UTC)
    if reset == "monthly":
        day = (day + timedelta(days=32)).replace(day=1)
    else:
        day += timedelta(days=1 if reset == "daily" else 7)
    return round(day.timestamp()) * 10**6


def expiry(text: str, now: datetime, what: str = "expires") -> int:
    """Microseconds since 1970 of `30d`, `12h`, `2027-01-31` (its end) or a time in ISO 8601. Raises `KeyProblem`."""
    units = {"h": "hours", "d": "days", "w": "weeks"}
    wrong = KeyProblem(
        f"{what} must be a time to come: 12h, 30d, 4w, 2027-01-31 or 2027-01-31T12:00:00+00:00, got {text[:80]!r}"
    )
    try:
        if text[:-1].isdigit() and text[-1] in units:
            end = now + timedelta(**{units[text[-1]]: int(text[:-1])})
        else:
            end = datetime.fromisoformat(text)
            end = end if end.tzinfo else end.replace(tzinfo=UTC)
            if len(text) == 10:
                end += timedelta(days=1)
    except (ValueError, OverflowError):
        raise wrong from None
    if end <= now:
        raise wrong
    return round(end.timestamp() * 10**6)
