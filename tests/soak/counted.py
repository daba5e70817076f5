"""`mimo serve` that says what it holds: `python -m tests.soak.counted FILE serve …` writes it to FILE on SIGUSR1.

Objects are those that garbage collection tracks and that came after the start, which the server itself sets apart. From
SIGUSR2 on it also measures how late the timers of its event loop are.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from time import perf_counter

from mimo.cli.main import main

TICK = 0.01
"""Seconds between two looks at the clock of the loop."""
late: list[float] = []
"""Seconds by which each came too late."""


def counts() -> dict[str, object]:
    """Objects, tasks, descriptors and resident MiB of this process, the commonest types, the lateness of its loop, and
    its threads by the number that the system gives them."""
    gc.collect()
    objects = gc.get_objects()
    try:
        tasks = len(asyncio.all_tasks())
    except RuntimeError:  # the loop is not running
        tasks = 0
    return {
        "objects": len(objects),
        "tasks": tasks,
        "descriptors": len(os.listdir("/proc/self/fd")),
        "MiB": int(Path("/proc/self/statm").read_text().split()[1]) * 4096 // 2**20,
        "types": Counter(type(one).__qualname__ for one in objects).most_common(8),
        "late": late,
        "threads": {thread.native_id: thread.name for thread in threading.enumerate()},
    }


def _write(number: int, frame: object) -> None:
    target = Path(sys.argv[0])
    part = target.with_suffix(".part")
    part.write_text(json.dumps(counts()))
    part.rename(target)


def _look(loop: asyncio.AbstractEventLoop, due: float) -> None:
    now = perf_counter()
    late.append(now - due)
    loop.call_later(TICK, _look, loop, now + TICK)


def _begin(number: int, frame: object) -> None:
    """Measure from now on."""
    if not late:
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(_look, loop, perf_counter())
    late.clear()


if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    signal.signal(signal.SIGUSR1, _write)
    signal.signal(signal.SIGUSR2, _begin)
    main()
