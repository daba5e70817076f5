"""A client in a process of its own that times a server: `python -m tests.soak.watcher URL`, until its input ends.

It asks for /healthz, reads one stream after the other, and measures how late its own timers are: what is late there is
the machine and not the server. It speaks HTTP by hand, since a library would be half of what it measures.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass, field
from time import perf_counter
from urllib.parse import urlsplit

from tests.soak.traffic import FLASH

PAUSE = 0.02
"""Seconds between two requests for /healthz."""
_STORY = {
    "model": FLASH, "messages": [{"role": "user", "content": "Tell me a story."}], "stream": True, "ignore_eos": True,
    "max_completion_tokens": 2000, "seed": 1,
}  # fmt: skip


@dataclass
class Timings:
    """Seconds: of /healthz, between two chunks of a stream, and by which a timer of the watcher was late."""

    health: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)


@contextlib.asynccontextmanager
async def watched(url: str) -> AsyncIterator[Timings]:
    """What a watcher sees while the block runs; the timings are there after its end."""
    command = (sys.executable, "-m", "tests.soak.watcher", url)
    process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    timings = Timings()
    try:
        yield timings
        seen, _ = await process.communicate(b"")
        timings.__dict__.update(json.loads(seen))
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


async def _health(host: str, port: int, timings: Timings) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    while True:
        asked = perf_counter()
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        await reader.readexactly(length)
        timings.health.append(perf_counter() - asked)
        due = perf_counter() + PAUSE
        await asyncio.sleep(PAUSE)
        timings.late.append(perf_counter() - due)


async def _stream(host: str, port: int, timings: Timings) -> None:
    body = json.dumps(_STORY).encode()
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n")
    writer.write(b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
    last: float | None = None
    if b" 200 " in await reader.readline():
        while line := await reader.readline():
            if not line.startswith(b"data: {"):
                continue
            now = perf_counter()
            timings.gaps += [] if last is None else [now - last]
            last = now
    writer.close()


async def _again(watch: Callable[[str, int, Timings], Awaitable[None]], host: str, port: int, seen: Timings) -> None:
    while True:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await watch(host, port, seen)
        await asyncio.sleep(0.05)


async def _watch(url: str) -> Timings:
    """Until the standard input ends."""
    address = urlsplit(url)
    host, port, timings = address.hostname or "", address.port or 80, Timings()
    watching = [asyncio.create_task(_again(watch, host, port, timings)) for watch in (_health, _stream)]
    await asyncio.to_thread(sys.stdin.read)
    for task in watching:
        task.cancel()
    return timings


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(_watch(sys.argv[1])))))
