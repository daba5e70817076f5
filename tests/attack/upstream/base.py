"""A case: what a fake upstream does when it is asked. Good answers, and the ways in which bytes are sent."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from tests.engines.upstream.fakes import (
    Asked,
    Behaviour,
    Out,
    chat_events,
    llama_events,
    sglang_events,
    vllm_events,
)

ENGINES = ("llama-server", "vllm", "sglang", "hosted")
LIMIT = 8
"""The `max_completion_tokens` that every case is asked with."""
OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
Case = tuple[str, Behaviour]


def good(engine: str, count: int = 3, finish: bool = True) -> list[Any]:
    """The events of a short good answer."""
    if engine == "hosted":
        return chat_events(*[{"content": "a"}] * count, finish="stop" if finish else None)
    make: Any = {"llama-server": llama_events, "vllm": vllm_events, "sglang": sglang_events}[engine]
    events: list[Any] = make([300] * count) if finish else make([300] * count, None)
    return events


def sse(events: list[Any]) -> bytes:
    """`events` as the body of a stream."""
    return b"".join(
        b"data: %b\n\n" % (event if isinstance(event, bytes) else json.dumps(event).encode()) for event in events
    )


def sent(*pieces: bytes, close: bool = True) -> Behaviour:
    """Sends `pieces` as they are, and then closes the connection, or says no more."""

    async def behaviour(asked: Asked, out: Out) -> None:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                await out.raw(piece)
            if not close:
                await out.hang()
        out.writer.close()

    return behaviour


def whole(data: bytes, *, close: bool = True) -> Behaviour:
    """Answers with `data` in one piece of known length."""
    return sent(OK + b"content-length: %d\r\n\r\n" % len(data), data, close=close)


def body_open(data: bytes) -> Behaviour:
    """Answers with `data`, and leaves the answer open."""
    return sent(CHUNKED, b"%x\r\n%b\r\n" % (len(data), data), close=False)
