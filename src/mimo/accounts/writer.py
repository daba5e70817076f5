"""The one thread that talks to the store: it takes for requests that wait, writes rows in batches, reads keys again.

    requests that wait → what is given back, ten times a second → rows, keys, a sign of life, twice a second

The event loop never waits for it but where a request needs more than this process's share. A store that fails is tried
again every second; rows wait in the outbox. SQLAlchemy is loaded once there is a store.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mimo.accounts.bucket import Limit
from mimo.accounts.key import Key
from mimo.accounts.outbox import Outbox, left_behind
from mimo.accounts.problem import StoreProblem
from mimo.accounts.want import LEASE, Budget, Grant, Want

if TYPE_CHECKING:
    from mimo.accounts.store.store import Store

log = logging.getLogger("mimo.accounts")
FLUSH_SECONDS = 0.5
"""Between two batches of rows. A batch costs a few milliseconds, in which the event loop waits for the interpreter."""
GIVE_SECONDS = 0.1
"""Between two looks for what is given back."""
TICK_SECONDS = 0.5
BEAT_SECONDS = 5.0
RETRY_SECONDS = 1.0
_BATCH = 1000


@dataclass(slots=True)
class _Take:
    """A request that waits for what it wants."""

    wants: Sequence[Want]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[list[Grant]]

    def resolve(self, found: list[Grant] | StoreProblem) -> None:
        """Hand the answer to the event loop, which may be gone."""

        def tell() -> None:
            if self.answer.done():  # the client has left
                return
            if isinstance(found, StoreProblem):
                self.answer.set_exception(found)
            else:
                self.answer.set_result(found)

        try:
            self.loop.call_soon_threadsafe(tell)
        except RuntimeError:
            log.debug("the event loop has ended")


class Writer:
    """`open_store()`: the store, None while there is none. `on_keys`: called with all keys when they have changed, and
    with what is wrong when they cannot be read; in the thread. `folder`: where outboxes are. `uptime`: seconds."""

    def __init__(
        self,
        open_store: Callable[[], Store | None],
        worker: str,
        folder: Path,
        on_keys: Callable[[Sequence[Key] | StoreProblem], None],
        uptime: Callable[[], float],
    ) -> None:
        self.outbox = Outbox(folder, worker)
        self._open_store, self._worker, self._folder, self._on_keys = open_store, worker, folder, on_keys
        self._uptime = uptime
        self.lapses = 0
        """How often others may have been given what this process held of budgets, since it gave no sign of life."""
        self._lease_ends = 0.0
        self._held: dict[str, int] = {}  # of budgets by key, with what running requests and waiting rows are to take
        self._store: Store | None = None
        self._takes: deque[_Take] = deque()
        self._back: dict[str, tuple[Limit | Budget, int]] = {}
        self._lock = threading.Condition()
        self._closing = False
        self._seen = -1  # the count of changes at which the keys were read
        self._beaten = 0.0
        self._down: StoreProblem | None = None
        self._again = 0.0
        self._first_look = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mimo accounts", daemon=True)

    def start(self) -> None:
        """Start the thread; returns once it has looked for keys."""
        self._thread.start()
        self._first_look.wait()

    def close(self) -> None:
        """Write what is left, give back what is held, and end. Takes seconds where the store does not answer."""
        with self._lock:
            self._closing = True
            self._lock.notify()
        self._thread.join()
        self.outbox.close()

    @property
    def leased(self) -> bool:
        """Whether what this process holds of budgets is surely its own still."""
        return self._uptime() < self._lease_ends

    def take(self, wants: Sequence[Want]) -> asyncio.Future[list[Grant]]:
        """Ask the store. The result is None where one of them is refused in it; raises `StoreProblem`."""
        loop = asyncio.get_running_loop()
        take = _Take(wants, loop, loop.create_future())
        with self._lock:
            self._takes.append(take)
            self._lock.notify()
        return take.answer

    def give(self, of: Limit | Budget, amount: int) -> None:
        """Give back what this process does not need."""
        with self._lock:
            self._back[of.name] = of, self._back.get(of.name, (of, 0))[1] + amount

    def _run(self) -> None:
        flushed = ticked = 0.0
        while True:
            with self._lock:
                if not (self._takes or self._closing):
                    self._lock.wait(GIVE_SECONDS)
                closing = self._closing
            now = time.monotonic()
            self._serve()
            if closing or now - ticked >= TICK_SECONDS:
                ticked = now
                self._try(self._tick)
                self._first_look.set()
            if closing or now - flushed >= FLUSH_SECONDS:
                flushed = now
                self._try(self._flush)
            elif self._back:
                self._try(self._give)
            if closing:
                self._try(self._leave)
                self._serve()
                return

    def _try(self, work: Callable[[Store], None]) -> None:
        """Do `work`, unless the store has failed a moment ago; say once that it fails, and once that it is back."""
        if time.monotonic() < self._again and not self._closing:
            return
        try:
            self._store = self._store or self._open_store()
            if self._store is None:
                return
            work(self._store)
        except Exception as problem:
            self._fail(problem)
        else:
            if self._down is not None and work == self._tick:  # which reads and writes
                log.warning("accounts: the store answers again")
                self._down = None

    def _fail(self, problem: Exception) -> StoreProblem:
        """Take note of a failure; what it is to those who wait."""
        if not isinstance(problem, StoreProblem):
            log.error("accounts failed", exc_info=problem)
            problem = StoreProblem(f"accounts failed: {problem}")
        if self._down is None:
            log.error("%s; %d rows wait", problem, len(self.outbox))
            self._on_keys(problem)
        self._down, self._again = problem, time.monotonic() + RETRY_SECONDS
        if self._store is not None:  # it may be another file when it is back, or of another version
            self._store.close()
            self._store = None
        return problem

    def _serve(self) -> None:
        """Answer the requests that wait, one transaction each."""
        while self._takes:
            take = self._takes.popleft()
            if self._store is None or time.monotonic() < self._again:
                take.resolve(self._down or StoreProblem("accounts: there is no store"))
                continue
            try:
                if not self.leased:
                    self._beat(self._store)
                grants = self._take(self._store, take.wants)
                if any(grant.amount is None for grant in grants) and (self._back or len(self.outbox)):
                    self._flush(self._store)  # what this process has not given to the store yet may be enough
                    grants = self._take(self._store, take.wants)
                take.resolve(grants)
            except Exception as problem:
                take.resolve(self._fail(problem))

    def _take(self, store: Store, wants: Sequence[Want]) -> list[Grant]:
        from mimo.accounts.store.limits import take

        budgets = {at: want.of.name for at, want in enumerate(wants) if isinstance(want.of, Budget)}
        for name in budgets.values():
            self._held.setdefault(name, 0)
        with store.begin() as connection:
            grants = take(connection, self._worker, wants, lambda: store.now(connection))
        if all(grant.amount is not None for grant in grants):
            for at, name in budgets.items():
                self._held[name] += grants[at].amount or 0
        return grants

    def _flush(self, store: Store) -> None:
        from mimo.accounts.store.ledger import settle

        while rows := self.outbox.first(_BATCH):
            with store.begin() as connection:
                settle(connection, self._worker, rows, store.now(connection))
            self.outbox.done(len(rows))
            for row in rows:
                if row.key_id in self._held:
                    self._held[row.key_id] -= row.cost
        self._give(store)

    def _give(self, store: Store) -> None:
        from mimo.accounts.store.limits import give

        with self._lock:
            back, self._back = self._back, {}
        if not back:
            return
        try:
            with store.begin() as connection:
                give(connection, self._worker, list(back.values()), lambda: store.now(connection))
        except BaseException:
            for of, amount in back.values():
                self.give(of, amount)
            raise
        for of, amount in back.values():
            if of.name in self._held:
                self._held[of.name] -= amount

    def _tick(self, store: Store) -> None:
        from mimo.accounts.store.keys import all_keys, changes
        from mimo.accounts.store.ledger import settle
        from mimo.accounts.store.limits import end_worker

        with store.begin(writes=False) as connection:
            count = changes(connection, store.where)
            keys = all_keys(connection) if count != self._seen or self._down else None
        if keys is not None:
            self._seen = count
            self._on_keys(keys)
        if time.monotonic() - self._beaten < BEAT_SECONDS and self._down is None:
            return
        for worker, rows in left_behind(self._folder):
            with store.begin() as connection:
                settle(connection, worker, rows, store.now(connection))
                end_worker(connection, worker)
            if rows:
                log.warning("accounts: wrote %d rows that a worker left behind when it died", len(rows))
        self._beat(store)

    def _beat(self, store: Store) -> None:
        from mimo.accounts.store.limits import beat

        begun, self._beaten = self._uptime(), time.monotonic()
        with store.begin() as connection:
            lapsed = beat(connection, self._worker, store.now(connection), self._held, sure=self._down is None)
        self.lapses += lapsed
        self._lease_ends = begun + LEASE / 10**6

    def _leave(self, store: Store) -> None:
        from mimo.accounts.store.limits import end_worker

        if not len(self.outbox):
            with store.begin() as connection:
                end_worker(connection, self._worker)
        store.close()
