"""The body of a request as it arrives: read within a limit and a time, or taken off the connection unread.

Knows ASGI's messages; knows no route, no JSON and no answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from mimo.contract.errors import InvalidRequest, RequestTooLarge

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

BODY_RATE = 64 * 1024
"""Bytes of a body that give it another second to arrive."""
SMALL = 64 * 1024
"""Bytes of a body that is read although nobody wants it, rather than closing the connection."""


class ClientGone(Exception):
    """The client closed the connection; there is nobody left to answer."""


class RequestBody:
    """The body behind `headers`. `unread`: some of it may still be on the connection, which must then be closed."""

    def __init__(self, headers: Mapping[bytes, bytes], receive: Receive) -> None:
        self.unread = headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers
        declared = headers.get(b"content-length", b"")
        self._declared = int(declared[:19]) if declared.isdigit() else None  # nobody sends as much as 19 digits say
        self._receive = receive

    async def read(self, limit: int, seconds: float) -> bytes:
        """All of it. Raises `RequestTooLarge` above `limit` bytes, `InvalidRequest` when it takes longer than `seconds`
        and one more for every `BODY_RATE` bytes that came, or when it ends early."""
        if self._declared is not None and self._declared > limit:
            raise _too_large(limit)
        try:
            async with asyncio.timeout(seconds) as waiting:
                return await self._read(limit, waiting)
        except TimeoutError:
            raise InvalidRequest(f"the body must arrive within {seconds:g} seconds; it did not") from None

    async def discard(self) -> None:
        """Take a small body off the connection, so that it can be used again; a larger one stays `unread`."""
        if self.unread and self._declared is not None and self._declared <= SMALL:
            with contextlib.suppress(TimeoutError, RequestTooLarge, InvalidRequest):
                async with asyncio.timeout(1.0) as waiting:
                    await self._read(SMALL, waiting)

    async def _read(self, limit: int, waiting: asyncio.Timeout) -> bytes:
        parts: list[bytes] = []
        size = 0
        end = waiting.when() or 0.0
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":  # the client is gone, or the framing cannot be read
                raise InvalidRequest(
                    "the body must be complete: content-length bytes, or well-formed chunks and an empty one at the "
                    "end, with trailers of a few kB at most"
                )
            part = message.get("body", b"")
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            waiting.reschedule(end + size / BODY_RATE)
            parts.append(part)
            more = message.get("more_body", False)
        self.unread = False
        return b"".join(parts)


def _too_large(limit: int) -> RequestTooLarge:
    return RequestTooLarge(f"the body must be at most {limit} bytes")
