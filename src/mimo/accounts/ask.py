"""Questions about usage, and keys and sums as plain values for people and programs. Blocks; knows no HTTP."""

from __future__ import annotations

from mimo.accounts.key import Key
from mimo.accounts.manage import must_exist
from mimo.accounts.prices import dollars
from mimo.accounts.problem import KeyProblem
from mimo.accounts.span import moment
from mimo.accounts.store.keys import find_key
from mimo.accounts.store.ledger import BY, Sum, usage
from mimo.accounts.store.store import Store

NOTHING = Sum("", 0, 0, 0, 0, 0, 0, 0)


def used(store: Store, by: str, since: str | None, until: str | None, key: str | None = None) -> list[Sum]:
    """Sums by one of `BY` over what ended from `since` on and before `until`, of one key where it is named.

    Raises `KeyProblem` for what cannot be asked, `StoreProblem`.
    """
    if by not in BY:
        raise KeyProblem(f"by must be one of {', '.join(BY)}, got {by[:80]!r}")
    begin = 0 if since is None else moment("since", since)
    end = None if until is None else moment("until", until)
    must_exist(store)
    with store.begin(writes=False) as connection:
        key_id = None if key is None else find_key(connection, key).id
        return usage(connection, by, begin, end, key_id)


def describe_sum(by: str, row: Sum) -> dict[str, object]:
    """A sum; the cost in USD, exactly."""
    return {
        by: row.name,
        "requests": row.requests,
        "prompt_tokens": row.prompt_tokens,
        "cached_tokens": row.cached_tokens,
        "completion_tokens": row.completion_tokens,
        "reasoning_tokens": row.reasoning_tokens,
        "cost": dollars(row.cost),
        "estimated_requests": row.estimated,
    }


def describe_key(key: Key) -> dict[str, object]:
    """A key without its secret; times in seconds since 1970, the budget in USD."""
    return {
        "name": key.name,
        "account": key.account,
        "key": key.shown,
        "created": key.created // 10**6,
        "expires_at": None if key.expires is None else key.expires // 10**6,
        "revoked_at": None if key.revoked is None else key.revoked // 10**6,
        "old_key_until": None if key.old_until is None else key.old_until // 10**6,
        "models": list(key.models) or None,
        "requests_per_minute": key.requests_per_minute,
        "tokens_per_minute": key.tokens_per_minute,
        "budget": None if key.budget is None else dollars(key.budget),
        "reset": key.reset,
        "admin": key.admin,
    }
