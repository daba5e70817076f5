"""A token bucket in whole numbers: a minute's worth fits in, and what is taken flows back evenly.

Times are microseconds. Levels are counted in such parts (`UNIT` of them are one token or request) that the flow of a
microsecond is a whole number too, and nothing is ever rounded. Knows no clock, no key and no store.
"""

from __future__ import annotations

from dataclasses import dataclass

UNIT = 60_000_000
"""Microseconds of a minute; also the parts of one token."""
_JITTER = 1_000_000
"""A clock that is back by less than this is late, not set back."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What may be taken in a minute. `name`: whose bucket it is, and of what."""

    name: str
    per_minute: int

    @property
    def capacity(self) -> int:
        """The level of a full bucket."""
        return self.per_minute * UNIT


@dataclass(frozen=True, slots=True)
class Level:
    """What was in a bucket at the time `stamp`. Below zero: more was used than had been reserved."""

    units: int
    stamp: int

    def at(self, now: int, limit: Limit) -> Level:
        """The same at `now`. A clock that was set back adds nothing, and the flow goes on from the new time."""
        passed = max(0, now - self.stamp)
        stamp = self.stamp if 0 < self.stamp - now <= _JITTER else now
        return Level(min(limit.capacity, self.units + passed * limit.per_minute), stamp)

    def plus(self, amount: int, limit: Limit) -> Level:
        """With `amount` put back, or taken where it is negative."""
        return Level(min(limit.capacity, self.units + amount * UNIT), self.stamp)

    def takes(self, least: int, most: int, limit: Limit) -> int | None:
        """How much of `most` may be taken; None where not even `least` is there. What does not fit into the bucket is
        asked of nobody: a `least` above it needs a full bucket."""
        if least > 0 and self.units < min(least, limit.per_minute) * UNIT:
            return None
        return min(most, max(0, self.units) // UNIT)

    def wait(self, least: int, limit: Limit) -> int:
        """Microseconds until `least` is there, if nobody takes anything meanwhile."""
        missing = min(least, limit.per_minute) * UNIT - self.units
        return max(0, -(-missing // limit.per_minute))
