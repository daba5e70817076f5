"""How one key stands: its limits, what is left of each, and what it has used. Blocks."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from mimo.accounts.accounts import Meter
from mimo.accounts.ask import describe_key, describe_sum
from mimo.accounts.bucket import UNIT, Limit
from mimo.accounts.key import Key, period_end
from mimo.accounts.prices import dollars
from mimo.accounts.share import Share
from mimo.accounts.store.ledger import usage
from mimo.accounts.store.limits import balance, level
from mimo.accounts.store.store import Store
from mimo.accounts.want import Budget


def standing(store: Store, key: Key, meters: Sequence[Meter]) -> dict[str, object]:
    """`meters`: of the models that the key may use. Raises `StoreProblem`."""
    with store.begin(writes=False) as connection:
        now = store.now(connection)
        described = describe_key(key)
        if key.budget is not None:
            unused = next((meter.budget.left for meter in meters if meter.budget is not None), 0)
            described["budget"] = _budget(connection, Budget(key.id, key.budget, key.reset), unused, now)
        described["rate_limits"] = [_limits(connection, meter, now) for meter in meters]
        used = [describe_sum("model", row) for row in usage(connection, "model", key_id=key.id)]
        return described | {"usage": used}


def _budget(connection: Connection, budget: Budget, unused: int, now: int) -> dict[str, object]:
    """`unused`: what this process holds and no request needs."""
    there = balance(connection, budget, now)
    held = max(0, there.held - unused)
    end = period_end(budget.reset, now)
    return {
        "currency": "USD",
        "amount": dollars(budget.amount),
        "spent": dollars(there.spent),
        "held": dollars(held),
        "left": dollars(budget.amount - there.spent - held),
        "reset": budget.reset,
        "resets_at": None if end is None else end // 10**6,
    }


def _limits(connection: Connection, meter: Meter, now: int) -> dict[str, object]:
    """The nearer of the account's limit and the key's."""
    found: dict[str, object] = {}
    for of, shares in (("requests", meter.requests), ("tokens", meter.tokens)):
        left, limit = min(((_left(connection, share, now), share.of) for share in shares), key=lambda one: one[0])
        assert isinstance(limit, Limit)
        found["model"] = limit.name.split("\n")[2]
        found[of] = {"per_minute": limit.per_minute, "left": left}
    return found


def _left(connection: Connection, share: Share, now: int) -> int:
    """What is in the store and, unused, in this process."""
    assert isinstance(share.of, Limit)
    return max(0, min(share.of.per_minute, level(connection, share.of, now).units // UNIT + share.left))
