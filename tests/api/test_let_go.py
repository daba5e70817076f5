"""Nothing of a request stays in memory once it is answered: what is large would fill it until garbage is collected."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator

import pytest
from tests.api.server import Server, Serving

from mimo.api.exchange import Exchange
from mimo.contract.request import ChatRequest
from mimo.engines.scripted.script import Script, ScriptedAnswer


def leave(server: Server) -> None:
    with server.connect() as client:
        client.sendall(server.raw_chat(stream=True, max_completion_tokens=60_000))
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    assert server.running(0) == 0


WAYS: dict[str, Callable[[Server], object]] = {
    "answered": lambda server: server.chat("hi", max_completion_tokens=2),
    "streamed": lambda server: server.chat("hi", stream=True, max_completion_tokens=2),
    "refused by its fields": lambda server: server.chat("hi", temperature="hot"),
    "refused by its length": lambda server: server.chat("word " * 2_000_000),
    "no JSON": lambda server: server.post(b"{"),
    "a route that is none": lambda server: server.post(b"{}", "/v1/nothing"),
    "a tool": lambda server: server.chat("hi", tools=[{"type": "function", "function": {"name": "f"}}]),
    "left": leave,
}


@pytest.fixture(scope="module")
def alone(serving: Serving) -> Iterator[Server]:
    """A server of its own, while garbage is not collected."""
    with serving(Script([ScriptedAnswer([{"repeat": 100_000, "steps": ["word "]}])], delay=0.001)) as server:
        server.chat("hi", max_completion_tokens=2)
        gc.collect()
        gc.disable()
        yield server
        gc.enable()


@pytest.mark.parametrize("way", WAYS)
def test_nothing_of_a_request_waits_for_garbage_collection(alone: Server, way: str) -> None:
    def left() -> list[object]:
        return [one for one in gc.get_objects() if isinstance(one, Exchange | ChatRequest)]

    before = len(left())
    for _ in range(3):
        WAYS[way](alone)
    end = time.monotonic() + 30
    while len(left()) > before and time.monotonic() < end:
        time.sleep(0.05)
    assert len(left()) == before
