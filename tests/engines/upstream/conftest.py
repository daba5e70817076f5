"""What the tests here share: mimo in front of fake engines and of a real llama-server, each started once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from tests.engines.upstream.fakes import Fake
from tests.engines.upstream.fronts import RAW, Front, front, llama_server

from mimo.nano import gguf_path


@pytest.fixture(scope="session")
def fake() -> Iterator[Fake]:
    """The engine behind that most tests share; each sets its behaviour."""
    made = Fake()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def fronts(fake: Fake) -> Iterator[dict[str, Front]]:
    """mimo before `fake`, once an engine."""
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(front(name, fake.url)) for name in (*RAW, "hosted")}


@pytest.fixture
def llama(fronts: dict[str, Front], fake: Fake) -> Front:
    """mimo before a fake llama-server, which the test gives a behaviour."""
    fake.asked.clear()
    return fronts["llama-server"]


@pytest.fixture
def hosted(fronts: dict[str, Front], fake: Fake) -> Front:
    """mimo before a fake hosted API."""
    fake.asked.clear()
    return fronts["hosted"]


@pytest.fixture(scope="session")
def real_url() -> Iterator[str]:
    """A real llama-server on nano."""
    with llama_server(gguf_path()) as url:
        yield url


@pytest.fixture(scope="session")
def real(real_url: str) -> Iterator[Front]:
    """mimo before a real llama-server on nano."""
    with front("llama-server", real_url, timeout=30) as running:
        yield running
