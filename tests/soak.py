"""A minute of 200 concurrent streams, a third of whose clients leave at random: `make soak`.

Afterwards: every stream that was read to its end was complete, every place of the KV cache is free again (as many
streams as there are slots run at the same time), and the server's memory is where it was after the first ten seconds.
Exit status 1 and one line a finding otherwise. Random choices come from seed 1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path

import httpx

from mimo.testing import served

SLOTS = 32


async def stream(client: httpx.AsyncClient, dice: random.Random, found: Counter[str]) -> None:
    """One request: read to the end and checked, or left at a random chunk."""
    limit = dice.randrange(1, 120)
    body = {
        "model": "mimo-v2-flash",
        "messages": [{"role": "user", "content": "Tell me a story. " * dice.randrange(1, 12)}],
        "max_completion_tokens": limit,
        "stream": True,
        "stream_options": {"include_usage": True},
        "n": dice.choice((1, 1, 1, 2)),
    }
    leave_after = dice.randrange(0, 30) if dice.random() < 1 / 3 else None
    async with client.stream("POST", "/v1/chat/completions", json=body) as response:
        if response.status_code == 429:
            found["refused"] += 1
            await response.aread()
            await asyncio.sleep(0.2)
            return
        assert response.status_code == 200, (await response.aread())[:200]
        lines = []
        async for line in response.aiter_lines():
            if line:
                lines.append(line)
            if leave_after is not None and len(lines) > leave_after:
                found["left"] += 1
                return
    problem = incomplete(lines, int(str(body["n"])), limit)
    found[problem or "complete"] += 1


def incomplete(lines: list[str], n: int, limit: int) -> str | None:
    """What is missing in a finished stream."""
    if lines[-1] != "data: [DONE]":
        return "no [DONE]"
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    reasons = [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"] if choice["finish_reason"]]
    if len(reasons) != n:
        return f"{len(reasons)} finish reasons for {n} choices"
    if not 0 <= chunks[-1]["usage"]["completion_tokens"] <= n * limit:
        return "usage out of bounds"
    return None


async def all_places_free(client: httpx.AsyncClient) -> bool:
    """Whether as many streams as there are slots get a token each while none of them has ended."""
    started = 0
    everyone = asyncio.Event()

    async def one() -> None:
        nonlocal started
        body = {
            "model": "mimo-v2-flash",
            "messages": [{"role": "user", "content": "Tell me a story."}],
            "max_completion_tokens": 2000,
            "frequency_penalty": 2,
            "stream": True,
            "logit_bias": {"0": -100, "2": -100},
        }
        async with client.stream("POST", "/v1/chat/completions", json=body) as response:
            async for line in response.aiter_lines():
                if '"content":"' in line and '"role"' not in line:
                    started += 1
                    if started == SLOTS:
                        everyone.set()
                    await everyone.wait()
                    return

    tasks = [asyncio.create_task(one()) for _ in range(SLOTS)]
    try:
        await asyncio.wait_for(everyone.wait(), 60)
    except TimeoutError:
        return False
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return True


def resident(pid: int) -> float:
    """Resident memory in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 2**20


async def soak(url: str, pid: int, seconds: float, streams: int) -> list[str]:
    """The findings; none is good."""
    found: Counter[str] = Counter()
    limits = httpx.Limits(max_connections=None)
    memory = []
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client:
        end = time.monotonic() + seconds

        async def client_loop(number: int) -> None:
            dice = random.Random(number)
            while time.monotonic() < end:
                await stream(client, dice, found)

        clients = [asyncio.create_task(client_loop(number)) for number in range(streams)]
        while time.monotonic() < end:
            await asyncio.sleep(seconds / 12)
            memory.append(resident(pid))
        await asyncio.gather(*clients)
        free = await all_places_free(client)
    print(f"{dict(found)}; memory in MiB: {', '.join(f'{value:.0f}' for value in memory)}")
    good = {"complete", "left", "refused"}
    problems = [f"{count} streams: {what}" for what, count in found.items() if what not in good]
    if not free:
        problems.append("places of the KV cache are still taken")
    if memory[-1] > memory[2] * 1.05 + 10:
        problems.append(f"memory grew from {memory[2]:.0f} to {memory[-1]:.0f} MiB")
    if min(found["complete"], found["left"]) < streams:
        problems.append("too few streams to say anything")
    return problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--streams", type=int, default=200)
    options = parser.parse_args()
    with served("--slots", str(SLOTS), "--queue", "512") as (url, process):
        problems = asyncio.run(soak(url, process.pid, options.seconds, options.streams))
    for problem in problems:
        print(f"soak: {problem}")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
