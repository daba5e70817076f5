"""Streams against any OpenAI-compatible server: a load generator of our own small size, so that it is never the limit.

Raw sockets and no JSON parsing: it counts `data: ` lines that carry text. Used by the other benchmarks; knows no server.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of streams gave. Times in seconds; `tokens` are chunks that carried text."""

    streams: int
    tokens: int
    seconds: float
    first: float
    """Median time to the first chunk with text."""

    @property
    def rate(self) -> float:
        """Tokens per second over all streams."""
        return self.tokens / self.seconds


async def run_streams(url: str, streams: int, body: dict[str, object]) -> Load:
    """`streams` equal requests at once, each read to its end; the clock runs from the first request to the last byte."""
    start = time.perf_counter()
    done = await asyncio.gather(*(_stream(url, {**body, "seed": number}) for number in range(streams)))
    seconds = time.perf_counter() - start
    firsts = sorted(first for _, first in done)
    return Load(streams, sum(tokens for tokens, _ in done), seconds, firsts[len(firsts) // 2])


async def _stream(url: str, body: dict[str, object]) -> tuple[int, float]:
    """(chunks with text, seconds to the first of them)."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=2**20)
    payload = json.dumps(body).encode()
    writer.write(
        b"POST %b HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\nconnection: close\r\n"
        b"content-length: %d\r\n\r\n%b" % (parts.path.encode(), len(payload), payload)
    )
    start = time.perf_counter()
    tokens, first, rest = 0, 0.0, b""
    while data := await reader.read(65536):
        data = rest + data
        cut = data.rfind(b"\n") + 1
        whole, rest = data[:cut], data[cut:]
        found = whole.count(b'"delta":{"content":"') + whole.count(b'"delta":{"reasoning_content":"')
        if found and not tokens:
            first = time.perf_counter() - start
        tokens += found
    writer.close()
    return tokens, first
