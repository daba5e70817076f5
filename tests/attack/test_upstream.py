"""Every fault of an upstream, on each engine: one clean answer or one clean error, in time, and nothing left behind.

A stream that has begun ends in `[DONE]` or in an error event. No answer is longer than was asked for, and none says
where the upstream is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from mimo.contract.errors import EngineError
from tests.attack.upstream import cases
from tests.attack.upstream.base import ENGINES, LIMIT, good
from tests.attack.upstream.starts import STARTS
from tests.engines.upstream.fakes import Asked, Fake, Out
from tests.engines.upstream.fronts import Front, front, until

pytestmark = pytest.mark.attack

CODES = {
    "upstream_error": 502, "upstream_timeout": 504, "service_unavailable": 503, "rate_limit_exceeded": 429,
    "context_length_exceeded": 400,
}  # fmt: skip
SECONDS = 20.0
"""For any answer; the upstream has one second for a sign of life."""
CASES = [(engine, name, behaviour) for engine in ENGINES for name, behaviour in cases(engine)]


@pytest.fixture(scope="module")
def fake() -> Iterator[Fake]:
    made = Fake()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def servers(fake: Fake) -> Iterator[dict[str, Front]]:
    running: dict[str, Front] = {}
    yield running
    for one in running.values():
        one.stop()


@pytest.fixture
def server(request: pytest.FixtureRequest, servers: dict[str, Front], fake: Fake) -> Front:
    """Ours before the fake, started at the first case of an engine."""
    engine = request.node.callspec.params["engine"]
    if engine not in servers:
        servers[engine] = Front(engine, fake.url)
    return servers[engine]


def checked(answer: httpx.Response, fake: Fake) -> None:
    """What is true of every answer."""
    assert "x-evil" not in answer.headers
    for inside in (str(fake.port), "/srv/secret", "10.1.2.3", "Traceback", "\x1b"):
        assert inside not in answer.text
    assert len(answer.content) < 3 * 2**20


def error_of(body: dict[str, Any], status: int | None) -> None:
    error = body["error"]
    assert error["message"] and len(error["message"]) < 1000
    assert error["code"] in CODES and status in (None, CODES[error["code"]])


def whole(answer: httpx.Response) -> None:
    if answer.status_code != 200:
        return error_of(answer.json(), answer.status_code)
    body = answer.json()
    (choice,) = body["choices"]
    assert choice["finish_reason"] in ("stop", "length", "tool_calls", "content_filter", "repetition_truncation")
    assert isinstance(choice["message"]["content"], str)
    assert all(isinstance(value, int) and 0 <= value < 2**53 for value in counts(body["usage"])), body["usage"]


def counts(usage: dict[str, Any]) -> list[Any]:
    return [inner for value in usage.values() for inner in (value.values() if isinstance(value, dict) else [value])]


def streamed(answer: httpx.Response) -> None:
    if answer.status_code != 200:
        return error_of(answer.json(), answer.status_code)
    *rows, last = answer.text.removesuffix("\n\n").split("\n\n")
    chunks = [json.loads(row.removeprefix("data: ")) for row in rows if not row.startswith(":")]
    if last != "data: [DONE]":
        error_of(json.loads(last.removeprefix("data: ")), None)
        return
    ends = [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"] if choice["finish_reason"]]
    assert len(ends) == 1


@pytest.mark.parametrize(("engine", "name", "behaviour"), CASES, ids=[f"{engine} {name}" for engine, name, _ in CASES])
def test_a_fault_of_an_upstream_is_one_clean_end(
    server: Front, fake: Fake, engine: str, name: str, behaviour: Any
) -> None:
    fake.behaviour = behaviour
    for stream, check in ((False, whole), (True, streamed)):
        begun = time.monotonic()
        answer = server.chat("hi", stream=stream, max_completion_tokens=LIMIT)
        assert time.monotonic() - begun < SECONDS
        checked(answer, fake)
        check(answer)
    assert until(lambda: server.running == 0, 5)


@pytest.mark.parametrize("engine", ENGINES)
def test_after_all_of_them_a_good_answer_comes(server: Front, fake: Fake, engine: str) -> None:
    async def well(asked: Asked, out: Out) -> None:
        await out.stream(good(engine))

    fake.behaviour = well
    for _ in range(3):
        answer = server.chat("hi", max_completion_tokens=LIMIT)
        assert answer.status_code == 200
        whole(answer)


@pytest.mark.parametrize("name", STARTS)
@pytest.mark.parametrize("engine", ENGINES)
def test_an_upstream_that_says_nonsense_at_the_start_is_one_line(engine: str, name: str) -> None:
    fake = Fake(discover=STARTS[name])
    try:
        with front(engine, fake.url, wait=0.5) as running:
            assert running.engine.info.context_window > 0
    except EngineError as problem:
        words = str(problem)
        assert words and "\n" not in words and "\x1b" not in words and len(words) < 600
    finally:
        fake.stop()
