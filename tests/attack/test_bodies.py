"""Every hostile body, on every route that takes one: an answer or an error in its envelope, never a 500 or a hang."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from mimo.api.routes import ROUTES
from mimo.testing import Served, served
from tests.attack.hostile_bodies import cases

pytestmark = pytest.mark.attack

CASES = dict(cases())
PATHS = sorted({path for method, path in ROUTES.table if method == "POST"})


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served("--slots", "4", "--queue", "16", "--context-window", "2048") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as made:
        yield made


def resident(server: Served) -> int:
    """Its resident MiB."""
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * 4096 // 2**20


def test_no_case_is_there_twice() -> None:
    assert len(CASES) == len(list(cases())) > 600
    assert len(PATHS) > 5


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_body_is_answered_or_refused_on_every_route(client: httpx.Client, name: str) -> None:
    case = CASES[name]
    headers = {name: value.replace("{host}", client.base_url.netloc.decode()) for name, value in case.headers.items()}
    for path in PATHS:
        try:
            answer = client.post(path, content=case.body, headers=headers)
        except (httpx.WriteError, httpx.ReadError):  # refused while the body was on its way
            assert len(case.body) > 2**20
            continue
        assert answer.status_code == 200 or 400 <= answer.status_code < 500, f"{path}: {answer.text[:300]}"
        assert "x-evil" not in answer.headers
        if answer.status_code != 200:
            assert answer.json()["error"]["message"], path
            assert len(answer.content) < 5_000, path
        else:
            assert not case.refused, f"{path} answered {answer.text[:300]}"


def test_the_server_goes_on_and_holds_nothing_of_all_this(server: Served, client: httpx.Client) -> None:
    for _ in range(3):
        for name in ("large: long numbers", "packed: a bomb", "tool: many properties", "long: a history"):
            client.post("/v1/chat/completions", content=CASES[name].body, headers=CASES[name].headers)
    assert client.get("/healthz").status_code == 200
    turns = [{"role": "user", "content": "hi"}]
    body = {"model": "mimo-v2-flash", "messages": turns, "max_completion_tokens": 2}
    assert client.post("/v1/chat/completions", json=body).status_code == 200
    assert resident(server) < 800, "MiB"
