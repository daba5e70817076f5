"""The error of a request that a limit or a budget refuses: whose it is, how much it allows, and when to come back."""

from __future__ import annotations

from math import ceil

from mimo.accounts.bucket import Level, Limit
from mimo.accounts.prices import dollars
from mimo.accounts.want import Balance, Budget, Grant
from mimo.contract.errors import ApiError, InsufficientBalance, RateLimitExceeded

_HELD_SECONDS = 1
"""When to come back where only what runs at the moment stands in the way: nobody knows when it ends."""


def refusal_of(of: Limit | Budget, grant: Grant, least: int) -> ApiError:
    """The error for a request that needs `least` more of what `grant` says is not there."""
    if isinstance(of, Limit):
        assert isinstance(grant.left, Level)
        return _over_limit(of, grant.left.wait(least, of))
    assert isinstance(grant.left, Balance)
    return _over_budget(of, grant.left, least)


def _over_limit(limit: Limit, wait: int) -> ApiError:
    kind, _, model, of = limit.name.split("\n")
    words = f"the {kind} may use {limit.per_minute:,} {of} a minute of {model}, and they are used"
    return RateLimitExceeded(f"{words}: try again in {wait / 10**6:.3g} s", headers=later(wait))


def _over_budget(budget: Budget, balance: Balance, least: int) -> ApiError:
    left = budget.amount - balance.spent
    words = f"the key's {budget.reset + ' ' if budget.reset else ''}budget of {dollars(budget.amount)} USD"
    if left < least:
        rest = "is spent" if left <= 0 else f"has {dollars(left)} left, and this request needs {dollars(least)} or more"
        return InsufficientBalance(f"{words} {rest}")
    return RateLimitExceeded(
        f"{words} is held by requests that run; try again when one has ended",
        headers=later(_HELD_SECONDS * 10**6),
    )


def later(microseconds: int) -> dict[str, str]:
    """When to come back: in whole seconds as HTTP has it, and in milliseconds, which clients of OpenAI's read first."""
    return {"retry-after": str(ceil(microseconds / 10**6)), "retry-after-ms": str(ceil(microseconds / 1000))}
