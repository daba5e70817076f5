"""Loading that can be given up, and whose death is explained: both are beyond what llama.cpp does by itself.

A damaged file can crash the process, or keep a native call busy for ever. The load runs in a thread that nobody has to
wait for, and a small second process prints a last line if this one dies meanwhile. Knows no model.
"""

from __future__ import annotations

import asyncio
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from mimo.llamacpp.library import Library

Loaded = TypeVar("Loaded")

PATIENCE = 2.0
"""Seconds that a load which was given up gets to notice it."""
_SHELL = 'read -r _ || printf "%s\\n" "$1" >&2'
"""Waits for a line, and speaks when the other end closes without one."""


class LastWords:
    """A process that prints `line` on standard error if this one dies before `close`."""

    def __init__(self, line: str) -> None:
        self._watcher: subprocess.Popen[bytes] | None = None
        with suppress(OSError):  # no shell: it dies without a word
            command = ["/bin/sh", "-c", _SHELL, "sh", line]
            self._watcher = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
            )
            assert self._watcher.stdin is not None
            Library.listener = self._watcher.stdin.fileno()

    def close(self) -> None:
        """Nothing is to be said any more. Idempotent."""
        watcher, self._watcher = self._watcher, None
        if watcher is None or watcher.stdin is None:
            return
        Library.listener = None
        with suppress(OSError):
            watcher.stdin.write(b"\n")
            watcher.stdin.close()
        watcher.wait()


async def load(work: Callable[[threading.Event], Loaded], line: str) -> Loaded:
    """What `work` returns, run in a thread. `line`: what is said if the process dies of it.

    Cancelled, it sets the event that `work` was given, and waits `PATIENCE` seconds at most; a native call that does
    not come back is left behind.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Loaded] = loop.create_future()
    stop = threading.Event()
    words = LastWords(line)

    def run() -> None:
        try:
            hand_over: Callable[[], None] = partial(done.set_result, work(stop))
        except BaseException as problem:
            hand_over = partial(done.set_exception, problem)
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(hand_over)

    threading.Thread(target=run, name="mimo-loading", daemon=True).start()
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        stop.set()
        done.add_done_callback(asyncio.Future.exception)  # seen, also where it comes after the wait
        await asyncio.wait({done}, timeout=PATIENCE)
        raise
    finally:
        await asyncio.to_thread(words.close)
