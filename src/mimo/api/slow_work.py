"""Threads for what takes long: few, so that large requests wait for each other rather than fill the memory together.

What waits for a thread and is cancelled never runs. Memory that long work has used is given back to the system. Knows
no request.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from mimo.heap import trim

P = ParamSpec("P")
R = TypeVar("R")

THREADS = 2
_LONG = 0.1
"""Seconds of work after which the memory is worth giving back."""
_SOON = 1.0
"""Seconds until then: by then an answer that is an error is sent, and what it needed is free."""


class SlowWork:
    """At most `threads` pieces of work at once."""

    def __init__(self, threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="mimo-slow")
        self._trimming = False

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
        if not self._trimming:
            self._trimming = True
            asyncio.get_running_loop().call_later(_SOON, self._trim)

    def _trim(self) -> None:
        self._trimming = False
        self._pool.submit(trim)
