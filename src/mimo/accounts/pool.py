"""The shares of this process, and how requests take from them: at once from what is here, else from the store.

Of requests that want the same one asks, and the others wait for its answer, which is often enough for all. What was
taken for a client that has left goes back. Used on the event loop only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from mimo.accounts.bucket import Limit
from mimo.accounts.problem import StoreProblem
from mimo.accounts.refusal import refusal_of
from mimo.accounts.share import Share
from mimo.accounts.want import Budget, Grant
from mimo.accounts.writer import Writer
from mimo.contract.errors import ServiceUnavailable

Wants = Sequence[tuple[Share, int, int]]
"""(from, at least, at best)."""


class Pool:
    """`writer`: asks the store. `clock`: microseconds since 1970."""

    def __init__(self, writer: Writer, clock: Callable[[], int]) -> None:
        self._writer, self._clock = writer, clock
        self._shares: dict[str, Share] = {}

    def share(self, of: Limit | Budget) -> Share:
        """This process's share of a bucket or a budget."""
        share = self._shares.setdefault(of.name, Share(of))
        share.of = of  # a limit may have changed
        return share

    async def take(self, wants: Wants) -> list[int]:
        """Take all of `wants`, or nothing; how much of each.

        Raises `RateLimitExceeded` or `InsufficientBalance`, and `ServiceUnavailable` for a budget that cannot be
        checked. Limits hold by themselves in every process while the store is out of reach.
        """
        for share, _, _ in wants:
            if isinstance(share.of, Budget):
                self._check_lease(share)
        while True:
            got = [share.take(most) for share, _, most in wants]
            missing = [at for at, (_, _, most) in enumerate(wants) if got[at] < most]
            if not missing:
                for share, _, _ in wants:
                    if share.left < share.reserve and share.asked is None:
                        self._refill(share)
                return got
            if (asked := next((wants[at][0].asked for at in missing if wants[at][0].asked), None)) is None:
                return await self._ask_for(wants, got, missing)
            _put_back(wants, got)
            await asyncio.wait({asked})

    def _check_lease(self, share: Share) -> None:
        """Give nothing out of a budget that others may have been given meanwhile: this process was stopped for longer
        than its lease, or cannot reach the store."""
        if share.lapses != self._writer.lapses or not self._writer.leased:
            share.lapses = self._writer.lapses
            if amount := share.all():
                self._writer.give(share.of, amount)

    def _refill(self, share: Share) -> None:
        """Ask for more while there is still some left; nobody waits for it."""
        share.asked = answer = self._writer.take([share.refill()])

        def take(done: asyncio.Future[list[Grant]]) -> None:
            share.asked = None
            if not done.cancelled() and done.exception() is None:
                share.granted(done.result()[0], 0, self._clock(), 0)

        answer.add_done_callback(take)

    def back(self, share: Share, amount: int) -> None:
        """Put back what a request did not use; negative: what it used beyond."""
        share.back(amount)
        share.ask_again()
        if share.left > share.plenty:
            self._writer.give(share.of, share.all())

    def give_back(self) -> None:
        """Give the store what nobody has needed since the last call."""
        for share in self._shares.values():
            if amount := share.unneeded():
                self._writer.give(share.of, amount)

    async def _ask_for(self, wants: Wants, got: list[int], missing: list[int]) -> list[int]:
        """`_ask`, which is brought to its end also when nobody waits any more."""
        asking = asyncio.ensure_future(self._ask(wants, got, missing))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            asking.add_done_callback(lambda done: _put_back(wants, [] if done.exception() else done.result()))
            raise

    async def _ask(self, wants: Wants, got: list[int], missing: list[int]) -> list[int]:
        asked = [(wants[at][0], wants[at][1] - got[at], wants[at][2] - got[at]) for at in missing]
        try:
            for at, amount in zip(missing, await self._ask_store(asked), strict=True):
                got[at] += amount
        except BaseException:
            _put_back(wants, got)
            raise
        return got

    async def _ask_store(self, asked: Wants) -> list[int]:
        """What the store gives of each."""
        now = self._clock()
        for share, least, _ in asked:
            if least > 0 and (before := share.refusal(least, now)) is not None:
                raise refusal_of(share.of, before, least)
        answer = self._writer.take([share.want(least, most) for share, least, most in asked])
        for share, _, _ in asked:
            share.asked = answer
        try:
            grants = await answer
        except StoreProblem:
            return _alone(asked, now)
        finally:
            for share, _, _ in asked:
                share.asked = None
        now = self._clock()
        for (share, least, most), grant in zip(asked, grants, strict=True):
            if grant.amount is None:
                share.granted(grant, most, now, least)
                raise refusal_of(share.of, grant, least)
        return [
            share.granted(grant, most, now, least) or 0
            for (share, least, most), grant in zip(asked, grants, strict=True)
        ]


def _alone(asked: Wants, now: int) -> list[int]:
    """What this process gives by itself: limits hold in it, and of budgets there is what it held already."""
    for share, least, _ in asked:
        if isinstance(share.of, Budget) and least > 0:
            raise ServiceUnavailable("the budget cannot be checked now", headers={"retry-after": "5"})
    given = []
    for share, least, most in asked:
        if isinstance(share.of, Budget):
            given.append(0)
            continue
        grant = share.alone(least, most, now)
        if grant.amount is None:
            for (before, _, _), amount in zip(asked, given, strict=False):
                before.back(amount)
            raise refusal_of(share.of, grant, least)
        given.append(grant.amount)
    return given


def _put_back(wants: Wants, got: Sequence[int]) -> None:
    for (share, _, _), amount in zip(wants, got, strict=False):
        share.back(amount)
