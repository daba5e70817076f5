"""A stream that is silent says now and then that it is alive, so that no proxy closes it. Knows no connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable


class KeepAlive:
    """Sends `sign` at a `tick` when nothing was written since the last one; "" sends nothing."""

    def __init__(self, send: Callable[[bytes], Awaitable[None]], sign: bytes) -> None:
        self.sign = sign
        self.silent = False
        """Set at every tick; every write clears it."""
        self._send = send
        self._sending: asyncio.Task[None] | None = None

    def tick(self) -> None:
        """Called every few seconds."""
        silent, self.silent = self.silent, True
        if silent and self.sign and (self._sending is None or self._sending.done()):
            self._sending = asyncio.create_task(self._say())

    def stop(self) -> None:
        """Send no more, and let go of the connection."""
        self.sign = b""
        self._send = _nowhere
        if self._sending is not None:
            self._sending.cancel()

    async def _say(self) -> None:
        with contextlib.suppress(Exception):  # a client that is gone is noticed elsewhere
            await self._send(self.sign)


async def _nowhere(sign: bytes) -> None:
    """Send nothing."""
