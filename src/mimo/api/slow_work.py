"""Threads for what takes long: few, so that large requests wait for each other rather than fill the memory together.

What waits for a thread and is cancelled never runs. Memory that long work has used is given back to the system. Knows
no request.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from mimo.heap import trim

P = ParamSpec("P")
R = TypeVar("R")

THREADS = max(1, min(2, (os.cpu_count() or 2) // 2))
"""Half of the cores, so that the event loop and the running streams find one free."""
_LONG = 0.1
"""Seconds of work after which the memory is worth giving back."""
_SOON = 1.0
"""Seconds until then: by then an answer that is an error is sent, and what it needed is free."""


class SlowWork:
    """At most `threads` pieces of work at once."""

    def __init__(self, threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="mimo-slow")
        self._untrimmed = 0

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What `function` returns. Cancelled, it waits no longer; what has begun in a thread goes on there."""
        work = partial(contextvars.copy_context().run, function, *args, **kwargs)
        begun = time.monotonic()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            if time.monotonic() - begun > _LONG:
                self.trim_soon()

    def trim_soon(self) -> None:
        """Give the memory back to the system that is free in a second: something large was there."""
        self._untrimmed += 1
        if self._untrimmed == 1:
            self._trim_after(1)

    def _trim_after(self, seen: int) -> None:
        asyncio.get_running_loop().call_later(_SOON, self._trim, seen)

    def _trim(self, seen: int) -> None:
        """Give memory back, and once more for what has ended since `seen` things had: theirs may not be free yet."""
        self._pool.submit(trim)
        if self._untrimmed > seen:
            self._trim_after(self._untrimmed)
        else:
            self._untrimmed = 0
