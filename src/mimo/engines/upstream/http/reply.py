"""An answer of an upstream as bytes while it arrives, and how it ends. Knows no address and no format."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

import aiohttp

from mimo.contract.errors import ApiError, UpstreamTimeout
from mimo.engines.upstream.http import errors

log = logging.getLogger("mimo.upstream")
END_SECONDS = 0.05
"""How long to wait for the end of a body whose answer is complete, so that the connection can be used again."""


class Reply:
    """An answer that has begun: its bytes as they come. Closing it ends the upstream's work.

    `timeout`: seconds in which bytes may come that bring the answer no further, such as comments and empty chunks: who
    reads says by `advance` when they have.
    """

    __slots__ = ("_advanced", "_first", "_response", "_time", "_timeout")

    def __init__(self, response: aiohttp.ClientResponse, first: bytes, timeout: float) -> None:
        self._response = response
        self._first = first
        self._timeout = timeout
        self._time = asyncio.get_running_loop().time
        self._advanced = self._time()

    def report(self, problem: ApiError) -> None:
        """Log that the answer failed after it had begun."""
        said = problem.said if isinstance(problem, errors.FailedInside) else errors.why(problem)
        log.warning("%s failed in mid-answer: %s", self._response.url, said)

    def advance(self) -> None:
        """Something of the answer has come, and has been taken."""
        self._advanced = self._time()

    async def read(self) -> bytes:
        """The next piece of the body, empty at its end. Raises `UpstreamError`, `UpstreamTimeout`."""
        if self._first:
            data, self._first = self._first, b""
            return data
        try:
            data = await self._response.content.readany()
        except errors.CAUGHT as problem:
            raise errors.of_connection(problem) from problem
        if data and self._time() - self._advanced > self._timeout:
            raise UpstreamTimeout("upstream sent nothing of its answer for too long, only signs of life")
        return data

    @property
    def complete(self) -> bool:
        """Whether all of it arrived, so that the connection can be used again."""
        return self._response.content.is_eof()

    async def finish(self) -> None:
        """Close a reply whose answer is complete: a body that ends at once keeps its connection."""
        with suppress(*errors.CAUGHT):
            async with asyncio.timeout(END_SECONDS):
                while await self._response.content.readany():
                    pass  # what follows the end of an answer is not read
        self.close()

    def close(self) -> None:
        """Close the connection unless the body was read to its end. Idempotent."""
        self._response.close()
