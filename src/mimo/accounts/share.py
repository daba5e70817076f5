"""This process's share of a bucket or a budget that several servers use: most requests are let in from it, at once.

What is missing is taken from the store, a little more than needed, and before it runs out; what a second did not need
goes back. So nothing is given out twice, and the store is asked a few times a second at most. Used on the event loop
only. Knows no store.
"""

from __future__ import annotations

import asyncio

from mimo.accounts.bucket import UNIT, Level, Limit
from mimo.accounts.want import Balance, Budget, Grant, Want

PLENTY = 8
"""What is left here, or taken for requests to come, is at most one part in so many of what the store has."""
AHEAD = 240
"""Taken for requests to come: a minute's worth divided by this, a quarter of a second's."""
PART = 4
"""The store is asked for more when what is left lasts for a second divided by this."""
ALIKE = 100
"""Of a budget as much is taken as so many more requests of the same kind need."""
REMEMBERED = 250_000
"""Microseconds for which a refusal stands without asking again, at most."""


class Share:
    """What this process has of `of`: `left` tokens, requests or pico-dollars that nobody uses."""

    __slots__ = (
        "_asked", "_level", "_own", "_refused", "asked", "lapses", "left", "low", "of", "plenty", "reserve", "used",
    )  # fmt: skip

    def __init__(self, of: Limit | Budget) -> None:
        self.of = of
        self.asked: asyncio.Future[list[Grant]] | None = None
        """Done when the store has answered a request that waits for it."""
        self.left = 0
        self.low = 0
        """The least that was left since the last look: nobody needed it."""
        self.plenty = 0
        """With more than that left here, others may want it: the store has little."""
        self.used = 0
        """How much was used since the last look."""
        self.reserve = 0
        """With less than that left, it is time to ask for more."""
        self.lapses = 0
        """Those of the lease that it was given under: `Writer.lapses`."""
        self._level: Level | Balance | None = None
        self._asked = 0  # when that was the level, by this process's clock
        self._refused: tuple[int, int, Grant] | None = None  # for how much at least, until when
        self._own: Level | None = None  # the bucket of this process alone, while the store is out of reach

    def take(self, most: int) -> int:
        """As much of `most` as is left here."""
        taken = max(0, min(most, self.left))
        self.left -= taken
        self.used += taken
        self.low = min(self.low, self.left)
        return taken

    def back(self, amount: int) -> None:
        """Put back what was not used; negative: what was used beyond."""
        self.left += amount
        self.used -= amount
        self.low = min(self.low, self.left)

    def all(self) -> int:
        """Everything that is left here, which is no longer here then."""
        amount, self.left, self.low = self.left, 0, 0
        return amount

    def unneeded(self) -> int:
        """What nobody needed since the last call, nor will soon, which is no longer here then. Negative: what is
        owed."""
        amount = self.left if self.left < 0 else max(0, self.low - max(0, self.used))
        self.left -= amount
        self.reserve = max(0, self.used) // PART
        self.low, self.used = self.left, 0
        return amount

    def ask_again(self) -> None:
        """There is more now: a refusal of a moment ago does not stand any more."""
        self._refused = None

    def want(self, least: int, most: int) -> Want:
        """What to ask the store for."""
        more = self.of.per_minute // AHEAD if isinstance(self.of, Limit) else most * ALIKE
        return Want(self.of, least, most, more)

    def refill(self) -> Want:
        """What to ask the store for before it is needed: as much as a second uses, where there is plenty."""
        amount, self.reserve = self.reserve * PART, 0  # not again before the next look
        return Want(self.of, 0, 0, amount)

    def granted(self, grant: Grant, most: int, asked: int, least: int) -> int | None:
        """Take note of the store's answer at the time `asked`; what the request gets of it, None: refused."""
        self._level, self._asked, self._own = grant.left, asked, None
        if isinstance(grant.left, Level):
            self.plenty = grant.left.units // (UNIT * PLENTY)
        elif isinstance(self.of, Budget):
            self.plenty = (self.of.amount - grant.left.spent - grant.left.held) // PLENTY
        if grant.amount is None:
            self._refused = least, asked, grant
            return None
        self._refused = None
        self.left += max(0, grant.amount - most)
        return min(grant.amount, most)

    def refusal(self, least: int, now: int) -> Grant | None:
        """The store's refusal of as much a moment ago, if there was one: it need not be asked again."""
        if self._refused is None or least < self._refused[0]:
            return None
        _, since, grant = self._refused
        passed = now - since
        if not 0 <= passed < REMEMBERED:
            return None
        if isinstance(self.of, Budget) or not isinstance(grant.left, Level):
            return grant
        there = Level(grant.left.units + passed * self.of.per_minute, grant.now + passed)
        return Grant(None, there, there.stamp) if there.wait(least, self.of) else None

    def alone(self, least: int, most: int, now: int) -> Grant:
        """What this process gives out by itself while the store is out of reach: as much as the limit says."""
        assert isinstance(self.of, Limit)
        known = self._level if isinstance(self._level, Level) else Level(self.of.capacity, now)
        there = (self._own or Level(known.units, self._asked or now)).at(now, self.of)
        taken = there.takes(least, most, self.of)
        if taken is not None:
            there = there.plus(-taken, self.of)
        self._own = there
        return Grant(taken, there, now)

    def units(self, now: int) -> int:
        """What is in the bucket as far as is known here, with what is left here, as `Level.units`."""
        of = self.of
        assert isinstance(of, Limit)
        if not isinstance(self._level, Level):
            return of.capacity
        passed = max(0, now - self._asked)
        return min(of.capacity, self._level.units + passed * of.per_minute + self.left * UNIT)
