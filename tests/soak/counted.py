"""`mimo serve` that says what it holds: `python -m tests.soak.counted FILE serve …` writes it to FILE on SIGUSR1.

Objects are those that garbage collection tracks and that came after the start, which the server itself sets apart.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

from mimo.cli.main import main


def counts() -> dict[str, object]:
    """Objects, tasks, descriptors and resident MiB of this process, and the commonest types."""
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
    }


def _write(number: int, frame: object) -> None:
    target = Path(sys.argv[0])
    part = target.with_suffix(".part")
    part.write_text(json.dumps(counts()))
    part.rename(target)


if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    signal.signal(signal.SIGUSR1, _write)
    main()
