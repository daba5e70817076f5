"""Lines for stderr that the event loop does not wait for: kept for a moment, and written together by a thread.

A reader that is too slow loses lines rather than holding up requests, and reads how many were lost. Knows no format.
"""

from __future__ import annotations

import asyncio
import os

_FLUSH_SECONDS = 0.1
_MOST = 20_000
"""Lines that wait at the most."""
_AT_ONCE = 4096
"""Bytes that a pipe takes whole: lines of several workers do not mix."""


class Lines:
    """Writes to `descriptor`. To be used on one event loop."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting: list[str] = []
        self._lost = 0
        self._flushing: asyncio.Task[None] | None = None

    def add(self, line: str) -> None:
        """Write `line`, soon."""
        if len(self._waiting) >= _MOST:
            self._lost += 1
            return
        self._waiting.append(line)
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().create_task(self._flush())

    async def close(self) -> None:
        """Write what waits."""
        if self._flushing is not None:
            await self._flushing

    async def _flush(self) -> None:
        await asyncio.sleep(_FLUSH_SECONDS)
        while self._waiting:
            lines, self._waiting = self._waiting, []
            if self._lost:
                lines.append(f"{self._lost} lines of the log are lost: nobody read them fast enough")
                self._lost = 0
            await asyncio.to_thread(self._write, lines)
        self._flushing = None

    def _write(self, lines: list[str]) -> None:
        part = b""
        try:
            for line in lines:
                data = f"{line}\n".encode(errors="backslashreplace")
                if part and len(part) + len(data) > _AT_ONCE:
                    self._send(part)
                    part = b""
                part += data
            self._send(part)
        except OSError:
            pass  # nobody reads any more

    def _send(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]
