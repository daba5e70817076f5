"""The loop ends when its main does, whatever its threads still compute, and they do not keep it waiting meanwhile."""

from __future__ import annotations

import subprocess
import sys

from mimo.serving import loop

BUSY = """
import asyncio, sys, time
from mimo.serving import loop

async def main():
    asyncio.get_running_loop().run_in_executor(None, time.sleep, 3600)
    {end}

try:
    loop.run(main())
except ValueError:
    pass
print("ended")
loop.leave(3)
"""


def test_a_thread_that_computes_on_does_not_hold_up_the_end():
    for end in ("return", "raise ValueError"):
        ended = subprocess.run(
            [sys.executable, "-c", BUSY.format(end=end)], capture_output=True, text=True, timeout=600
        )
        assert (ended.returncode, ended.stdout) == (3, "ended\n"), ended.stderr


def test_a_thread_that_computes_gives_the_loop_its_turn_within_a_millisecond():
    async def interval() -> float:
        return sys.getswitchinterval()

    before = sys.getswitchinterval()
    try:
        assert loop.run(interval()) <= 0.001
    finally:
        sys.setswitchinterval(before)
