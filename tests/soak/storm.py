"""Clients in a process of their own: `python -m tests.soak.storm URL SECONDS SEED KIND …` prints what they found.

One client a kind, each with a connection pool of its own. They stand for other machines, so they take
what processor the server leaves (niceness 5), and are not timed.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from tests.soak.traffic import Found, client_of


@dataclass(frozen=True)
class Storm:
    """What came of it, and the seconds of processor that its clients took."""

    found: Found
    processor: float


async def stormed(url: str, kinds: Sequence[str], seconds: float, seed: int) -> Storm:
    """Let clients of these `kinds` come for so many seconds."""
    command = (sys.executable, "-m", "tests.soak.storm", url, str(seconds), str(seed), *kinds)
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    said, _ = await process.communicate()
    found, processor = json.loads(said)
    return Storm(Counter(found), processor)


async def _clients(url: str, seconds: float, seed: int, kinds: Sequence[str]) -> Found:
    found: Found = Counter()
    end = time.monotonic() + seconds

    async def one(kind: str, number: int) -> None:
        dice, request = random.Random(seed * 1000 + number), client_of(kind)
        async with httpx.AsyncClient(base_url=url, timeout=120) as client:
            while time.monotonic() < end:
                await request(client, dice, found)

    await asyncio.gather(*(one(kind, number) for number, kind in enumerate(kinds)))
    return found


if __name__ == "__main__":
    os.nice(5)
    _, address, length, start, *which = sys.argv
    came = asyncio.run(_clients(address, float(length), int(start), which))
    print(json.dumps((came, time.process_time())))
