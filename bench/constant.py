"""The server alone: ours with an app that sends the same bytes COUNT times, one write each; prints its address.

    python -m bench.constant SIZE COUNT        until its input closes

What it gives is the ceiling of anything written over this server in Python.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from mimo.serving import granian as server


class Constant:
    """An ASGI app that answers everything with `count` events of `size` bytes, the last one holding a usage."""

    def __init__(self, size: int, count: int) -> None:
        self._event = b"data: " + b"x" * (size - 8) + b"\n\n"
        self._count = count
        self._end = b'data: {"usage":{"completion_tokens":%d}}\n\n' % count
        self.running: list[Any] = []  # what `server.run` drains
        self.quiet_seconds = 60.0

    def drain(self) -> None:
        """Nothing is kept back: it answers until it is stopped."""

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        if scope["type"] != "http":
            return
        await receive()
        headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for _ in range(self._count):
            await send({"type": "http.response.body", "body": self._event, "more_body": True})
        await send({"type": "http.response.body", "body": self._end, "more_body": False})


async def serve(size: int, count: int) -> None:
    """Until stdin closes."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.run_in_executor(None, lambda: (sys.stdin.read(), loop.call_soon_threadsafe(stop.set)))
    listener = server.listen("127.0.0.1", 0)
    await server.run(Constant(size, count), listener, 0, stop, listening=lambda url: print(url, flush=True))  # type: ignore[arg-type]


if __name__ == "__main__":
    asyncio.run(serve(*map(int, sys.argv[1:3])))
