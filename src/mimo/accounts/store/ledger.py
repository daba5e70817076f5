"""The ledger: a row a request, written once however often it is tried, and sums over the rows.

A row and what it takes from its key's budget are one transaction. Functions take a connection in one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Date, Dialect, Integer, cast, func, select, type_coerce

from mimo.accounts.row import Row
from mimo.accounts.store.limits import insert_new, release, spend
from mimo.accounts.store.schema import KEYS, LEDGER
from mimo.accounts.want import Budget

_MILLION = 10**6
BY = ("day", "key", "account", "model")
"""What usage can be summed by."""


@dataclass(frozen=True, slots=True)
class Sum:
    """What the requests of one day, key, account or model came to. `cost` in pico-dollars."""

    name: str
    requests: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cost: int
    estimated: int
    """Requests whose counts are not the engine's."""


def settle(connection: Connection, worker: str, rows: Sequence[Row], now: int) -> int:
    """Write those of `rows` that are not there yet, and take their cost from budgets and from what `worker` holds; how
    many were written."""
    there = set(connection.execute(select(LEDGER.c.id).where(LEDGER.c.id.in_([row.id for row in rows]))).scalars())
    new = {row.id: row for row in rows if row.id not in there}
    if not new:
        return 0
    _insert(connection, list(new.values()))
    costs: dict[str, int] = defaultdict(int)
    for row in new.values():
        costs[row.key_id] += row.cost
    query = select(KEYS.c.id, KEYS.c.budget, KEYS.c.reset).where(
        KEYS.c.id.in_(sorted(costs)), KEYS.c.budget.isnot(None)
    )
    for key in sorted(connection.execute(query), key=lambda key: str(key.id)):
        spend(connection, Budget(key.id, key.budget, key.reset), costs[key.id], now)
        release(connection, worker, key.id, costs[key.id])
    return len(new)


def _insert(connection: Connection, rows: Sequence[Row]) -> None:
    """All rows in one go, by the statement as the driver takes it: that is three times cheaper a row."""
    values = msgspec.structs.astuple if connection.dialect.positional else msgspec.structs.asdict
    connection.exec_driver_sql(_insertion(connection.dialect), [values(row) for row in rows])


@lru_cache(maxsize=4)
def _insertion(dialect: Dialect) -> str:
    return str(insert_new(dialect, LEDGER).compile(dialect=dialect, column_keys=Row.__struct_fields__))


def usage(
    connection: Connection, by: str, since: int = 0, until: int | None = None, key_id: str | None = None
) -> list[Sum]:
    """Sums over the rows that ended from `since` on and before `until` (microseconds since 1970), by one of `BY`."""
    name = _name(connection, by)
    columns: Mapping[str, ColumnElement[Any]] = {
        "requests": func.count(),
        **{
            column: func.sum(LEDGER.c[column])
            for column in ("prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens")
        },
        # in two parts, each of which fits into 64 bits however much was spent
        "dollars": func.sum(LEDGER.c.cost.op("/")(_MILLION)),
        "rest": func.sum(LEDGER.c.cost % _MILLION),
        "estimated": func.sum(cast(~LEDGER.c.exact, Integer)),
    }
    query = select(name.label("name"), *(column.label(label) for label, column in columns.items()))
    query = query.where(LEDGER.c.ended >= since).group_by(name).order_by(name)
    if until is not None:
        query = query.where(LEDGER.c.ended < until)
    if key_id is not None:
        query = query.where(LEDGER.c.key_id == key_id)
    return [_sum(dict(row._mapping)) for row in connection.execute(query)]


def _sum(row: Mapping[str, Any]) -> Sum:
    counts = {column: int(row[column]) for column in Sum.__slots__ if column not in ("name", "cost")}
    return Sum(str(row["name"]), cost=int(row["dollars"]) * _MILLION + int(row["rest"]), **counts)


def _name(connection: Connection, by: str) -> ColumnElement[Any]:
    if by != "day":
        return LEDGER.c[by]
    seconds = LEDGER.c.ended.op("/")(_MILLION)
    if connection.dialect.name == "postgresql":
        return cast(func.timezone("UTC", func.to_timestamp(seconds)), Date)
    return type_coerce(func.date(seconds, "unixepoch"), LEDGER.c.key.type)
