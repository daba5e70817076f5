"""Taking from what several servers share: buckets that fill up again, and budgets that do not.

A bucket gives away what it has. Of a budget a worker holds what it was given, until it says what that was spent on or
gives it back; what a dead worker held is free when its lease ends. A request takes all it needs or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Dialect, Row, Table, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.sqlite import Insert

from mimo.accounts.bucket import UNIT, Level, Limit
from mimo.accounts.key import period_start
from mimo.accounts.share import PLENTY
from mimo.accounts.store.schema import BUCKETS, BUDGETS, HOLDS, LEDGER, WORKERS
from mimo.accounts.store.store import Clock
from mimo.accounts.want import LEASE, Balance, Budget, Grant, Want

_MOST = 2**63 - 1
_MILLION = 10**6


def take(connection: Connection, worker: str, wants: Sequence[Want], clock: Clock) -> list[Grant]:
    """Give all of `wants`, or nothing where one is refused.

    The time is asked for once a row is locked: what waits for a lock is not in the past then. Rows are locked in the
    order of their names, so that two who want the same ones do not wait for each other.
    """
    grants: dict[int, Grant] = {}
    for at in sorted(range(len(wants)), key=lambda at: (isinstance(wants[at].of, Budget), wants[at].of.name)):
        of = wants[at].of
        look = _bucket if isinstance(of, Limit) else _budget
        grants[at] = look(connection, wants[at], clock)
    all_given = all(grant.amount is not None for grant in grants.values())
    for at, grant in grants.items():
        of = wants[at].of
        if isinstance(of, Limit):
            # a refusal is kept too: where the clock was set back, the flow goes on from then
            if (all_given or grant.amount is None) and isinstance(grant.left, Level):
                _set_level(connection, of, grant.left)
        elif all_given:
            row = {"worker": worker, "key_id": of.name, "amount": grant.amount}
            _upsert(connection, HOLDS, row, ["worker", "key_id"], add="amount")
    return [grants[at] for at in range(len(wants))]


def give(connection: Connection, worker: str, back: Sequence[tuple[Limit | Budget, int]], clock: Clock) -> None:
    """Give back what was taken and not used. Where more was used than taken, the amount is negative."""
    for of, amount in sorted(back, key=lambda one: (isinstance(one[0], Budget), one[0].name)):
        if isinstance(of, Limit):
            _set_level(connection, of, _level(connection, of, clock)[0].plus(amount, of))
        else:
            release(connection, worker, of.name, amount)


def release(connection: Connection, worker: str, key_id: str, amount: int) -> None:
    """Let a worker hold less of a budget."""
    mine = (HOLDS.c.worker == worker) & (HOLDS.c.key_id == key_id)
    rest = HOLDS.c.amount - min(amount, _MOST)
    connection.execute(update(HOLDS).where(mine).values(amount=rest))


def beat(connection: Connection, worker: str, now: int, holds: Mapping[str, int], sure: bool = True) -> bool:
    """A sign of life: what the worker holds stays its own for a while. What others held is freed after their lease.

    `holds`: what the worker knows that it holds, by key. It holds that again where its lease had ended, which is the
    result, or where it is not `sure` that the store took its last words.
    """
    lease = connection.execute(select(WORKERS.c.expires).where(WORKERS.c.id == worker)).scalar()
    ended = lease is None or lease < now
    row = {"id": worker, "expires": now + LEASE}
    _upsert(connection, WORKERS, row, ["id"])
    for key_id, amount in sorted(holds.items()) if ended or not sure else ():
        _upsert(connection, HOLDS, {"worker": worker, "key_id": key_id, "amount": amount}, ["worker", "key_id"])
    _end_silent(connection, now)
    return ended


def _end_silent(connection: Connection, now: int) -> None:
    """Forget workers whose lease has ended long ago, and free what they held."""
    ended = select(WORKERS.c.id).where(WORKERS.c.expires < now - LEASE)
    connection.execute(delete(HOLDS).where(HOLDS.c.worker.in_(ended)))
    connection.execute(delete(WORKERS).where(WORKERS.c.expires < now - LEASE))


def end_worker(connection: Connection, worker: str) -> None:
    """Free what a worker held that has ended."""
    connection.execute(delete(HOLDS).where(HOLDS.c.worker == worker))
    connection.execute(delete(WORKERS).where(WORKERS.c.id == worker))


def level(connection: Connection, limit: Limit, now: int) -> Level:
    """What is in a bucket."""
    row = connection.execute(select(BUCKETS.c.units, BUCKETS.c.stamp).where(BUCKETS.c.name == limit.name)).first()
    return Level(row.units, row.stamp).at(now, limit) if row else Level(limit.capacity, now)


def balance(connection: Connection, budget: Budget, now: int) -> Balance:
    """What is spent of a budget in the period that `now` lies in, and what is held."""
    row = connection.execute(select(BUDGETS).where(BUDGETS.c.key_id == budget.name)).first()
    period = period_start(budget.reset, now)
    spent = row.spent if row and row.period == period else _spent_since(connection, budget.name, period)
    alive = (HOLDS.c.key_id == budget.name) & (WORKERS.c.expires >= now)
    held = select(func.coalesce(func.sum(HOLDS.c.amount), 0)).join(WORKERS, WORKERS.c.id == HOLDS.c.worker).where(alive)
    return Balance(spent, int(connection.execute(held).scalar_one()))


def spend(connection: Connection, budget: Budget, amount: int, now: int) -> None:
    """Count `amount` as spent, for rows that are in the ledger by now. The row is locked until the transaction ends."""
    period = period_start(budget.reset, now)
    row = _lock_budget(connection, budget, period)
    # in a period that begins, or that a clock which was set back has come to again, the ledger knows
    spent = row.spent + amount if row.period == period else _spent_since(connection, budget.name, period)
    values = {"period": period, "spent": min(spent, _MOST)}
    connection.execute(update(BUDGETS).where(BUDGETS.c.key_id == budget.name).values(values))


def _spent_since(connection: Connection, key_id: str, since: int) -> int:
    """What the rows of a key cost that ended from `since` on: in two parts, each of which fits into 64 bits."""
    parts = func.sum(LEDGER.c.cost.op("/")(_MILLION)), func.sum(LEDGER.c.cost % _MILLION)
    query = select(*parts).where(LEDGER.c.key_id == key_id, LEDGER.c.ended >= since)
    large, small = connection.execute(query).one()
    return int(large or 0) * _MILLION + int(small or 0)


def _bucket(connection: Connection, want: Want, clock: Clock) -> Grant:
    """What a bucket gives; nothing is written yet."""
    limit = want.of
    assert isinstance(limit, Limit)
    there, now = _level(connection, limit, clock)
    taken = there.takes(want.least, want.most, limit)
    if taken is None:
        return Grant(None, there, now)
    after = there.plus(-taken, limit)
    if taken == want.most and after.units >= want.more * PLENTY * UNIT:
        taken, after = taken + want.more, after.plus(-want.more, limit)
    return Grant(taken, after, now)


def _budget(connection: Connection, want: Want, clock: Clock) -> Grant:
    """What a budget gives; nothing is written yet."""
    budget = want.of
    assert isinstance(budget, Budget)
    _lock_budget(connection, budget, 0)
    now = clock()
    there = balance(connection, budget, now)
    free = budget.amount - there.spent - there.held
    if free < want.least and want.least > 0:
        return Grant(None, there, now)
    taken = max(0, min(want.most, free))
    if free - taken >= want.more * PLENTY:
        taken += want.more
    return Grant(taken, Balance(there.spent, there.held + taken), now)


def _level(connection: Connection, limit: Limit, clock: Clock) -> tuple[Level, int]:
    """What is in a bucket, which is locked until the transaction ends, and the time."""
    full = {"name": limit.name, "units": limit.capacity, "stamp": 0}
    connection.execute(insert_new(connection.dialect, BUCKETS).values(full))
    query = select(BUCKETS.c.units, BUCKETS.c.stamp).where(BUCKETS.c.name == limit.name).with_for_update()
    row, now = connection.execute(query).one(), clock()
    return Level(row.units, row.stamp).at(now, limit), now


def _set_level(connection: Connection, limit: Limit, to: Level) -> None:
    values = {"units": to.units, "stamp": to.stamp}
    connection.execute(update(BUCKETS).where(BUCKETS.c.name == limit.name).values(values))


def _lock_budget(connection: Connection, budget: Budget, period: int) -> Row[Any]:
    """The row of a budget, made for `period` where there is none; it is locked until the transaction ends."""
    fresh = {"key_id": budget.name, "period": period, "spent": 0}
    connection.execute(insert_new(connection.dialect, BUDGETS).values(fresh))
    return connection.execute(select(BUDGETS).where(BUDGETS.c.key_id == budget.name).with_for_update()).one()


def _upsert(connection: Connection, table: Table, row: Mapping[str, object], by: Sequence[str], add: str = "") -> None:
    """Insert `row`, or change the one that has the same values in the columns `by`; `add`: a column to add to."""
    statement = _insert(connection.dialect, table).values(row)
    changed: dict[str, ColumnElement[Any]] = {name: statement.excluded[name] for name in row if name not in by}
    if add:
        changed[add] = table.c[add] + statement.excluded[add]
    connection.execute(statement.on_conflict_do_update(index_elements=list(by), set_=changed))


def insert_new(dialect: Dialect, table: Table) -> Insert:
    """An INSERT that leaves rows alone which are there already."""
    return _insert(dialect, table).on_conflict_do_nothing()


def _insert(dialect: Dialect, table: Table) -> Insert:
    """INSERT with the `on conflict` that both databases have and SQL has not."""
    return cast(Insert, (postgresql if dialect.name == "postgresql" else sqlite).insert(table))
