"""Times as people write them: a day, or a time in ISO 8601, in UTC where nothing else is said."""

from __future__ import annotations

from datetime import UTC, datetime

from mimo.accounts.problem import KeyProblem


def moment(what: str, text: str) -> int:
    """Microseconds since 1970. Raises `KeyProblem`."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        words = f"{what} must be a day such as 2026-11-25, or a time such as 2026-11-25T12:00:00+00:00"
        raise KeyProblem(f"{words}, got {text[:80]!r}") from None
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 10**6)


def shown(microseconds: int | None) -> str:
    """A time as a person reads it; "" for None."""
    if microseconds is None:
        return ""
    return datetime.fromtimestamp(microseconds / 10**6, UTC).strftime("%Y-%m-%d %H:%M UTC")
