"""The loop ends when its main does, whatever its threads still compute."""

from __future__ import annotations

import subprocess
import sys

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
