"""Runs batches: the oldest first, line by line through the same routes as everybody, and only in places left over.

At most half of the engine's slots are used, and none while a request waits. What ends this process leaves a batch as it
stands; the next process goes on where results are missing. Knows no protocol.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import msgspec

from mimo.api.backend import Backend
from mimo.api.batches.batch import Batch, Line
from mimo.api.batches.exchange import Reply, ask
from mimo.api.batches.store import Store
from mimo.api.route import Routes

log = logging.getLogger("mimo.api")
LOOK_SECONDS = 5.0
"""How often another process's batches are looked for, which may have died."""
STEP_SECONDS = 0.1
"""How often a running batch looks for room, and whether it shall end."""
PLACES = 4
"""Lines at once where an engine does not say how many run."""
TRIES = 3
"""Of a line that the upstream fails."""
_AGAIN = (502, 503, 504)


class Worker:
    """Runs the batches of `store`. `backend()`: what to answer from now; `routes`: how."""

    def __init__(self, store: Store, backend: Callable[[], Backend], routes: Routes) -> None:
        self._store = store
        self._backend = backend
        self._routes = routes
        self._new = asyncio.Event()

    def wake(self) -> None:
        """There is a new batch."""
        self._new.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._new.clear()
            try:
                for batch in reversed(await asyncio.to_thread(self._store.listed)):
                    if not batch.ended and batch.engine == self._backend().engine.info.label:
                        await self._run(batch)
            except Exception:
                log.exception("a batch failed; it is tried again")
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._new.wait()

    async def _run(self, batch: Batch) -> None:
        with self._store.locked(batch) as current:
            if current is None:
                return
            try:
                left = deque(await asyncio.to_thread(self._store.left, current))
            except OSError:
                words = f"the input file {current.input_file_id} is gone"
                current.errors = [{"code": "not_found", "line": None, "message": words, "param": "input_file_id"}]
                return self._store.finish(current, "failed")
            status = await _Run(self._store, current, left, self._backend, self._routes).run()
            await asyncio.to_thread(self._store.finish, current, status)


class _Run:
    """One batch while it runs; `left`: the lines to do."""

    def __init__(
        self, store: Store, batch: Batch, left: deque[Line], backend: Callable[[], Backend], routes: Routes
    ) -> None:
        self._store = store
        self._batch = batch
        self._left = left
        self._backend = backend
        self._route = routes.table["POST", batch.endpoint]
        self._running: dict[asyncio.Task[Reply], Line] = {}
        self._tries: dict[str, int] = {}
        self._pause = 0.0

    async def run(self) -> str:
        """Do all lines; the status in which the batch ends."""
        try:
            while self._left or self._running:
                if ended := self._ended():
                    return ended
                while self._left and self._room():
                    line = self._left.popleft()
                    answer = ask(self._route, self._backend(), self._batch.endpoint, line.body, self._batch.owner)
                    self._running[asyncio.create_task(answer)] = line
                if not self._running:
                    await asyncio.sleep(STEP_SECONDS)
                    continue
                done, _ = await asyncio.wait(self._running, timeout=STEP_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    self._take(self._running.pop(task), task.result())
                if done:
                    await asyncio.to_thread(self._store.save, self._batch)
            return "completed"
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    def _ended(self) -> str | None:
        """Whether the batch ends before its lines do. What is missing then is an error, for an expired one."""
        if self._store.cancelled(self._batch):
            return "cancelled"
        if time.time() < self._batch.expires_at:
            return None
        error = {"code": "batch_expired", "message": "the completion window ended before this request was answered"}
        for line in (*self._running.values(), *self._left):
            self._add(line, {"response": None, "error": error}, False)
        return "expired"

    def _room(self) -> bool:
        """Whether the engine has a place that nobody else wants."""
        backend = self._backend()
        if not backend.ready or time.monotonic() < self._pause:
            return False
        load = backend.engine.load()
        places = PLACES if load.slots is None else max(1, load.slots // 2)
        free = load.slots is None or load.running < load.slots
        return len(self._running) < places and free and not load.waiting

    def _take(self, line: Line, reply: Reply) -> None:
        """Keep the answer; one that says "later" comes again."""
        tries = self._tries[line.custom_id] = self._tries.get(line.custom_id, 0) + 1
        if reply.status == 429 or (reply.status in _AGAIN and (tries < TRIES or not self._backend().ready)):
            self._left.appendleft(line)
            self._pause = time.monotonic() + reply.retry_after
            return
        response = {"status_code": reply.status, "request_id": reply.request_id, "body": msgspec.Raw(reply.body)}
        self._add(line, {"response": response, "error": None}, reply.status < 400)

    def _add(self, line: Line, result: dict[str, object], good: bool) -> None:
        row = {"id": f"batch_req_{os.urandom(12).hex()}", "custom_id": line.custom_id, **result}
        self._store.add_result(self._batch, msgspec.json.encode(row), good)
        if good:
            self._batch.completed += 1
        else:
            self._batch.failed += 1
