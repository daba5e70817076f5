"""What requests ask of shared buckets and budgets, and what they are given. Plain values; no store is known here."""

from __future__ import annotations

from dataclasses import dataclass

from mimo.accounts.bucket import Level, Limit
from mimo.accounts.key import Reset

LEASE = 30_000_000
"""Microseconds for which a process holds what it was given of budgets without a sign of life."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Pico-dollars that a key may spend between two resets. `name`: the id of the key."""

    name: str
    amount: int
    reset: Reset | None


@dataclass(frozen=True, slots=True)
class Want:
    """What a request needs of one bucket or budget: at least `least`, for which it is refused, at best `most`.
    `more`: what it takes besides for requests to come, where there is plenty."""

    of: Limit | Budget
    least: int
    most: int
    more: int = 0


@dataclass(frozen=True, slots=True)
class Balance:
    """A budget at one time: pico-dollars spent in its period, and held by requests that run."""

    spent: int
    held: int


@dataclass(frozen=True, slots=True)
class Grant:
    """What was given: None, refused. `now` by the store's clock; `left`: what is there after it."""

    amount: int | None
    left: Level | Balance
    now: int
