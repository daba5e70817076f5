"""One request on its account: let in, held for, and settled.

    enter      one request of the limits, whether the key may use the model
    reserve    the prompt and the longest answers, of tokens and of money; what money is left bounds the answers
    settle     what was not used goes back; a row of the ledger

Nothing of a request counts that ended before its first token came. Knows no HTTP and no engine.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from mimo.accounts.accounts import CONFIGURED, Accounts, Meter
from mimo.accounts.bucket import UNIT, Limit
from mimo.accounts.key import KEY_BYTES, Key
from mimo.accounts.prices import FREE, rate_of
from mimo.accounts.row import Row
from mimo.accounts.share import Share
from mimo.contract.errors import ApiError, AuthenticationFailed
from mimo.contract.models import Model
from mimo.types import FinishReason, Usage

_MOST_TOKENS = 10**7
"""Of each count: no window is that long, and what an upstream says beyond would not fit into the ledger's numbers."""
_DAY = 86_400 * 10**6
_NAMES = ("x-ratelimit-limit-", "x-ratelimit-remaining-", "x-ratelimit-reset-")
_REQUESTS, _TOKENS = ((f"{_NAMES[0]}{of}", f"{_NAMES[1]}{of}", f"{_NAMES[2]}{of}") for of in ("requests", "tokens"))


@dataclass(frozen=True, slots=True)
class About:
    """What the ledger says of a request besides: the id that the client knows, the protocol, the engine."""

    request_id: str
    protocol: str
    engine: str


async def enter(accounts: Accounts, identity: bytes | None, model: Model) -> Charge:
    """Let a request of a key in. Raises `PermissionDenied` where the key may not use `model`, `RateLimitExceeded`,
    and `AuthenticationFailed` where the key was revoked, or has expired, since it was let in."""
    key = accounts.key_of(identity)
    if key is None and identity is not None and len(identity) == KEY_BYTES:
        raise AuthenticationFailed("the key is not valid any more", headers={"www-authenticate": "Bearer"})
    if key is not None:
        accounts.check_expiry(key)  # a batch goes on for days after its key was looked at
    charge = Charge(accounts, accounts.meter(key, model), model)
    try:
        await accounts.pool.take([(share, 1, 1) for share in charge.meter.requests])
    except ApiError as error:
        error.headers |= dict(charge.headers())
        raise
    return charge


class Charge:
    """What one request holds and will cost. Made by `enter`."""

    def __init__(self, accounts: Accounts, meter: Meter, model: Model) -> None:
        self._accounts, self.meter, self._model = accounts, meter, model
        self._begun = time.monotonic()
        self._first_token: float | None = None
        self._held: list[tuple[Share, int]] = []
        self._hold = 0
        self._prompt = 0
        self._rate = FREE
        self._refused = False
        self.capped = False
        """Whether the budget allows shorter answers than asked for."""

    async def reserve(self, prompt_tokens: int, choices: int, longest: int) -> int:
        """Hold `prompt_tokens` and `choices` answers of up to `longest` tokens; how long they may be. Raises what
        `Pool.take` does."""
        self._prompt = prompt_tokens
        self._rate = rate_of(self._model, prompt_tokens, _day(self._accounts.clock()))
        least, most = prompt_tokens + choices, prompt_tokens + choices * longest
        wants = [(share, min(least, _bound(share)), min(most, _bound(share))) for share in self.meter.tokens]
        budget, rate = self.meter.budget, self._rate
        if budget is not None and rate is not FREE:
            prompt, step = prompt_tokens * rate.input, choices * rate.output
            wants.append((budget, prompt + step, prompt + longest * step))
        try:
            got = await self._accounts.pool.take(wants)
        except ApiError:
            self._refused = True
            raise
        self._held = [(share, amount) for (share, _, _), amount in zip(wants, got, strict=True)]
        if budget is None or rate is FREE:
            return longest
        self._hold = self._held.pop()[1]
        allowed = (self._hold - prompt) // step if step else longest
        self.capped = allowed < longest
        return min(longest, allowed)

    def first_token(self) -> None:
        """The answer has begun."""
        self._first_token = time.monotonic() - self._begun

    def cost(self, usage: Usage, exact: bool) -> int:
        """Pico-dollars for `usage`."""
        return self._rate.cost(self._counted(usage, exact))

    def settle(
        self, usage: Usage, exact: bool, finish: Sequence[FinishReason], error: BaseException | None, about: About
    ) -> None:
        """Give back what was not used, and write the row. A request that `reserve` refused leaves nothing behind."""
        if self._refused:
            for share in self.meter.requests:
                self._accounts.pool.back(share, 1)
            return
        counted = self._counted(usage, exact)
        used = counted.prompt_tokens + counted.completion_tokens
        for share, amount in self._held:
            self._accounts.pool.back(share, amount - used)
        cost = self._rate.cost(counted)
        if self.meter.budget is not None and self._hold:
            self._accounts.pool.back(self.meter.budget, self._hold - cost)
        self._accounts.add(self._row(counted, exact, cost, outcome(finish, error), about))

    def headers(self) -> list[tuple[str, str]]:
        """`x-ratelimit-…`: of the account's and the key's limits those that are nearest."""
        now = self._accounts.clock()
        found: list[tuple[str, str]] = []
        for names, shares in ((_REQUESTS, self.meter.requests), (_TOKENS, self.meter.tokens)):
            if shares:
                nearest = shares[0] if len(shares) == 1 else min(shares, key=lambda share: share.units(now))
                found += _headers(names, nearest, now)
        return found

    def _counted(self, usage: Usage, exact: bool) -> Usage:
        """What counts of `usage`; an engine that did not come to say how long the prompt was has read it all the
        same."""
        if self._first_token is None:
            return Usage(0, 0, 0, 0)
        known = exact or usage.prompt_tokens > 0
        return Usage(
            min(usage.prompt_tokens if known else self._prompt, _MOST_TOKENS),
            min(usage.completion_tokens, _MOST_TOKENS),
            min(usage.reasoning_tokens, _MOST_TOKENS),
            min(usage.cached_tokens if known else 0, _MOST_TOKENS),
        )

    def _row(self, usage: Usage, exact: bool, cost: int, finish: str, about: About) -> Row:
        key: Key | None = self.meter.key
        return Row(
            self._accounts.next_id(),
            about.request_id,
            self._accounts.clock(),
            key.account if key else CONFIGURED,
            key.id if key else "",
            key.name if key else CONFIGURED,
            self._model.counts_as,
            about.protocol,
            about.engine,
            usage.prompt_tokens,
            usage.cached_tokens,
            usage.completion_tokens,
            usage.reasoning_tokens,
            self._rate.version,
            cost,
            self._first_token,
            time.monotonic() - self._begun,
            finish,
            exact,
        )


def outcome(finish: Sequence[str], error: BaseException | None) -> str:
    """Why a request ended, in a word or two."""
    if error is None:
        return ",".join(dict.fromkeys(finish))
    return error.code if isinstance(error, ApiError) else "client_left"


def _day(now: int) -> date:
    return _date(now // _DAY)


@lru_cache(maxsize=8)
def _date(days: int) -> date:
    return date(1970, 1, 1) + timedelta(days)


def _bound(share: Share) -> int:
    """The most that one request takes of a bucket: a full one."""
    assert isinstance(share.of, Limit)
    return share.of.per_minute


def _headers(names: tuple[str, str, str], share: Share, now: int) -> list[tuple[str, str]]:
    units, limit = share.units(now), share.of
    assert isinstance(limit, Limit)
    missing = limit.capacity - units
    return [
        (names[0], str(limit.per_minute)),
        (names[1], str(max(0, units // UNIT))),
        (names[2], duration(-(-missing // limit.per_minute)) if missing else "0s"),
    ]


def duration(microseconds: int) -> str:
    """As OpenAI writes it: `17ms`, `1.5s`, `6m0s`. Rounded up."""
    milliseconds = -(-microseconds // 1000)
    if milliseconds < 1000:
        return f"{milliseconds}ms" if milliseconds else "0s"
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes}m{rest / 1000:g}s" if minutes else f"{rest / 1000:g}s"
