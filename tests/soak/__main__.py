"""A minute of clients on every route, a third of whom leave and a third of whom are hostile: `make soak`.

    calm: clients that wait for their answers → storm: leavers and hostile ones beside them → rest → what is left

Afterwards nothing was answered wrongly, every slot is free, and memory, objects, tasks and descriptors are where they
were after a first storm. During the storm /healthz and a stream that runs meanwhile are timed. Exit status 1 and a line
a finding otherwise. Random choices come from `--seed`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from mimo.testing import served
from tests.soak.traffic import FLASH, KINDS, Found

SLOTS = 8
CACHE_MIB = 16
REST = 15.0
"""Seconds without work, after which the server has given back what it can."""
HEALTH_MS, GAP_RATIO = 50.0, 2.0


@dataclass
class Timings:
    """Seconds: of /healthz, and between two chunks of a stream."""

    health: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)


def p99(values: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(values, n=100)[98] if len(values) > 1 else float("nan")


async def counts(pid: int, file: Path) -> dict[str, Any]:
    """What the server holds, as it says itself."""
    file.unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR1)
    for _ in range(600):
        if file.exists():
            found: dict[str, Any] = json.loads(file.read_text())
            return found
        await asyncio.sleep(0.05)
    raise TimeoutError("the server does not say what it holds")


async def clients(url: str, kinds: list[str], seconds: float, seed: int, found: Found) -> None:
    """One client a kind, each with a connection pool of its own, for so many seconds."""
    end = time.monotonic() + seconds

    async def one(kind: str, number: int) -> None:
        dice = random.Random(seed * 1000 + number)
        async with httpx.AsyncClient(base_url=url, timeout=120) as client:
            while time.monotonic() < end:
                await KINDS[kind](client, dice, found)

    await asyncio.gather(*(one(kind, number) for number, kind in enumerate(kinds)))


@contextlib.asynccontextmanager
async def timed(url: str) -> AsyncIterator[Timings]:
    """Times /healthz and the gaps of a running stream while the block runs."""
    timings = Timings()

    async def health(client: httpx.AsyncClient) -> None:
        while True:
            begun = time.perf_counter()
            await client.get("/healthz")
            timings.health.append(time.perf_counter() - begun)
            await asyncio.sleep(0.02)

    async def gaps(client: httpx.AsyncClient) -> None:
        body = {"model": FLASH, "messages": [{"role": "user", "content": "Tell me a story."}], "stream": True}
        more = {"ignore_eos": True, "max_completion_tokens": 2000, "seed": 1}
        while True:
            async with client.stream("POST", "/v1/chat/completions", json={**body, **more}) as response:
                if response.status_code != 200:
                    await asyncio.sleep(0.1)
                    continue
                last = None
                async for _ in response.aiter_raw():
                    now = time.perf_counter()
                    timings.gaps += [] if last is None else [now - last]
                    last = now

    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        watching = [asyncio.create_task(health(client)), asyncio.create_task(gaps(client))]
        try:
            yield timings
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)


async def soak(url: str, pid: int, file: Path, options: argparse.Namespace) -> list[str]:
    """The findings; none is good."""
    found: Found = Counter()
    calm = ["answered", "other"] * 2
    storm = calm + ["leaver", "hostile"] * 2
    await clients(url, storm, options.seconds / 3, options.seed, found)  # what grows once has grown
    await asyncio.sleep(REST)
    before = await counts(pid, file)
    async with timed(url) as quiet:
        await clients(url, calm, options.seconds / 3, options.seed + 1, found)
    async with timed(url) as busy:
        await clients(url, storm, options.seconds, options.seed + 2, found)
    await asyncio.sleep(REST)
    after = await counts(pid, file)
    print(json.dumps(found, indent=1, sort_keys=True))
    print("| | before | after |\n| --- | --: | --: |")
    names = ("MiB", "objects", "tasks", "descriptors")
    for name in names:
        print(f"| {name} | {before[name]} | {after[name]} |")
    ratio = p99(busy.gaps) / p99(quiet.gaps)
    print(f"/healthz p99 {p99(quiet.health) * 1000:.1f} ms calm, {p99(busy.health) * 1000:.1f} ms in the storm")
    print(f"gap between chunks p99 {p99(quiet.gaps) * 1000:.1f} ms calm, {p99(busy.gaps) * 1000:.1f} ms in the storm")
    problems = [f"{count} times {what}" for what, count in found.items() if what.startswith("wrong")]
    if after["MiB"] > before["MiB"] * 1.1 + 20:
        problems.append(f"memory grew from {before['MiB']} to {after['MiB']} MiB")
    for name, room in (("objects", 2_000), ("tasks", 3), ("descriptors", 8)):
        if after[name] > before[name] + room:
            problems.append(f"{name} grew from {before[name]} to {after[name]}: {after['types']}")
    if found["answered"] < 100 or found["left"] < 20:
        problems.append("too few requests to say anything")
    if options.timings and p99(busy.health) * 1000 > HEALTH_MS:
        problems.append(f"/healthz took more than {HEALTH_MS:g} ms")
    if options.timings and ratio > GAP_RATIO:
        problems.append(f"a running stream waited {ratio:.1f} times as long, {GAP_RATIO:g} allowed")
    return problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--timings", action="store_true", help="fail for timings too, on a quiet machine")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "counts.json"
        program = ("-m", "tests.soak.counted", str(file))
        flags = ("--slots", str(SLOTS), "--queue", "64", "--prompt-cache", str(CACHE_MIB))
        with served(*flags, program=program) as (url, process):
            problems = asyncio.run(soak(url, process.pid, file, options))
    for problem in problems:
        print(f"soak: {problem}")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
