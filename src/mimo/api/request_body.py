"""The body of a request as it arrives: read within a limit and a time, or drained for an answer that does not want it.

Knows ASGI's messages; knows no route, no JSON and no answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from mimo.contract.errors import ApiError, InvalidRequest, RequestTooLarge, ServiceUnavailable

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

BODY_RATE = 64 * 1024
"""Bytes of a body that give it another second to arrive."""
DRAINED = 64 * 1024 * 1024
"""Bytes of a refused body that are read and dropped before the answer. A client that is still sending when the
connection is closed may never see why: the system resets the connection, and the answer can be lost with it."""
DRAIN_SECONDS = 2.0
"""Seconds that a refused body has for arriving."""


ROOM = 256 * 1024 * 1024
"""Bytes of bodies, of all requests together, that are in memory before they are decoded."""
SMALL = 64 * 1024
"""Bytes of a body for which there is always room."""


class Room:
    """What bodies take of `most` bytes. To be used on one event loop."""

    def __init__(self, most: int = ROOM) -> None:
        self.most = most
        self.taken = 0

    def take(self, size: int, limit: int) -> None:
        """Take `size` bytes more, for a body that may have up to `limit`. Raises `ServiceUnavailable` if there is no
        room; there is for four of the largest bodies at least."""
        if self.taken + size > max(self.most, 4 * limit):
            words = "too many large bodies are arriving at once; try again"
            raise ServiceUnavailable(words, headers={"retry-after": "1"})
        self.taken += size


class ClientGone(Exception):
    """The client closed the connection; there is nobody left to answer."""


class RequestBody:
    """The body behind `headers`. `unread`: some of it may still be on the connection, which must then be closed."""

    def __init__(self, headers: Mapping[bytes, bytes], receive: Receive) -> None:
        length = headers.get(b"content-length", b"0")
        self.unread = length != b"0" or b"transfer-encoding" in headers
        self._declared = int(length[:19]) if length.isdigit() else 0  # nobody sends as much as 19 digits say
        self._coming = headers.get(b"expect", b"").lower() != b"100-continue"  # such a client waits to be asked for it
        self._receive = receive
        self._room: Room | None = None
        self._size = 0
        self._took = 0
        self._timer: asyncio.TimerHandle | None = None

    async def read(self, limit: int, seconds: float, room: Room, cut: Callable[[Exception], None]) -> bytes:
        """All of it, which takes of the `room` until `release`. Raises `RequestTooLarge` above `limit` bytes,
        `InvalidRequest` when it ends early, `ServiceUnavailable` where the bodies of others leave no room. When it
        takes longer than `seconds` and one more for every `BODY_RATE` bytes that came, `cut` is called with the
        error."""
        if self._declared > limit:
            raise _too_large(limit)
        self._coming = True
        self._room = room
        self._wait(seconds, seconds, cut)
        parts: list[bytes] = []
        try:
            while not parts or self.unread:
                parts.append(await self._part())
                self._size += len(parts[-1])
                if self._size > limit:
                    raise _too_large(limit)
                if self._size > SMALL:
                    room.take(self._size - self._took, limit)
                    self._took = self._size
        except ApiError:
            parts.clear()  # which the error would keep until it is answered
            raise
        finally:
            if self._timer is not None:
                self._timer.cancel()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _wait(self, seconds: float, more: float, cut: Callable[[Exception], None], counted: int = 0) -> None:
        """Wait for the body `more` seconds, and then for as long as what has come since `counted` bytes is worth."""
        self._timer = asyncio.get_running_loop().call_later(more, self._expire, seconds, cut, counted)

    def _expire(self, seconds: float, cut: Callable[[Exception], None], counted: int) -> None:
        if self._size > counted:
            return self._wait(seconds, (self._size - counted) / BODY_RATE, cut, self._size)
        self._coming = False
        cut(InvalidRequest(f"the body must arrive within {seconds:g} seconds; it did not"))

    def release(self) -> None:
        """The body is no longer in memory, or soon: give its room to others. Idempotent."""
        if self._room is not None:
            self._room.taken -= self._took
            self._took = 0

    async def drain(self) -> None:
        """Read and drop what is left of it, so that the client sees the answer and can use the connection again. More
        than `DRAINED` bytes, and what takes longer than `DRAIN_SECONDS`, stays `unread`."""
        if not (self.unread and self._coming) or self._declared > DRAINED:
            return
        size = 0
        with contextlib.suppress(TimeoutError, InvalidRequest):
            async with asyncio.timeout(DRAIN_SECONDS):
                while self.unread and size <= DRAINED:
                    size += len(await self._part())

    async def _part(self) -> bytes:
        """The next part. Raises `InvalidRequest` when there is none."""
        message = await self._receive()
        if message["type"] == "http.disconnect":  # the client is gone, or the framing cannot be read
            self._coming = False
            raise InvalidRequest(
                "the body must be complete: content-length bytes, or well-formed chunks and an empty one at the end, "
                "with trailers of a few kB at most"
            )
        self.unread = message.get("more_body", False)
        part: bytes = message.get("body", b"")
        return part


def _too_large(limit: int) -> RequestTooLarge:
    return RequestTooLarge(f"the body must be at most {limit} bytes")
