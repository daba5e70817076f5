"""Streams against any OpenAI-compatible server: a load generator of our own small size, so that it is never the limit.

Raw sockets and no JSON parsing: it looks for text in what arrives, and reads the count of tokens from the usage that
ends the stream. Used by the other benchmarks; knows no server.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

_TEXT = re.compile(rb'"(?:content|reasoning_content|text)":\s?"[^"]')
_COUNT = re.compile(rb'"completion_tokens":\s?(\d+)')
_TAIL = 4096


class LoadError(RuntimeError):
    """A server that did not answer as asked: a measurement of it would mean nothing."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of streams gave. Times in seconds; `chunks` are SSE events of any kind, `size` all bytes read."""

    streams: int
    tokens: int
    seconds: float
    first: float
    """Median time to the first chunk with text."""
    chunks: int = 0
    size: int = 0
    firsts: tuple[float, ...] = ()
    """Time to the first chunk with text, of every stream."""
    gaps: tuple[float, ...] = ()
    """Between two reads with text, over all streams."""

    @property
    def rate(self) -> float:
        """Tokens per second over all streams."""
        return self.tokens / self.seconds


async def run_streams(url: str, bodies: Sequence[dict[str, object]], seconds: float = 300) -> Load:
    """One request a body, all at once, each read to its end; the clock runs from the first request to the last byte.

    Raises `LoadError` for a stream that ends without its usage, and TimeoutError after `seconds`.
    """
    start = time.perf_counter()
    async with asyncio.timeout(seconds):
        done = await asyncio.gather(*(_stream(url, body) for body in bodies))
    passed = time.perf_counter() - start
    firsts = sorted(reading.first for reading in done)
    return Load(
        len(done),
        sum(reading.tokens() for reading in done),
        passed,
        firsts[len(firsts) // 2],
        sum(reading.chunks for reading in done),
        sum(reading.size for reading in done),
        tuple(firsts),
        tuple(gap for reading in done for gap in reading.gaps),
    )


class Reading:
    """What is kept of one stream while it is read."""

    __slots__ = ("_last", "_tail", "chunks", "first", "gaps", "size")

    def __init__(self) -> None:
        self.chunks, self.size, self.first = 0, 0, 0.0
        self.gaps: list[float] = []
        self._last = 0.0
        self._tail = b""

    def take(self, data: bytes, seconds: float) -> None:
        """`data` arrived `seconds` after the request. An event's name may be cut between two reads."""
        joined = self._tail[-5:] + data
        self.chunks += joined.count(b"data: ")
        self.size += len(data)
        if (not self.first and _TEXT.search(self._tail + data)) or (self.first and b"data: {" in data):
            if self.first:
                self.gaps.append(seconds - self._last)
            self.first, self._last = self.first or seconds, seconds
        self._tail = data[-_TAIL:] if len(data) >= _TAIL else (self._tail + data)[-_TAIL:]

    def tokens(self) -> int:
        """How many the server says it generated. Raises `LoadError` with its last words if it does not."""
        found = _COUNT.findall(self._tail)
        if not found:
            raise LoadError(f"a stream ended without usage: {self._tail[-400:].decode(errors='replace')}")
        return int(found[-1])


async def _stream(url: str, body: dict[str, object]) -> Reading:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=2**20)
    payload = json.dumps(body).encode()
    writer.write(
        b"POST %b HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n"
        b"content-length: %d\r\n\r\n%b" % (parts.path.encode(), len(payload), payload)
    )
    start = time.perf_counter()
    reading = Reading()
    while data := await reader.read(2**18):
        reading.take(data, time.perf_counter() - start)
    writer.close()
    return reading
