"""What the tests of the API share: one server, and a way to start another."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.api.server import Server, Serving, start


@pytest.fixture(scope="session")
def serving() -> Serving:
    """`with serving(script, **options of App) as server:` starts a server of its own."""
    return start


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The server that most tests share: default options, the script above."""
    with start() as running:
        yield running


@pytest.fixture(scope="session")
def events() -> Callable[[str], list[dict[str, Any]]]:
    """Reads the text of a stream into its JSON events; the stream must end in [DONE]."""

    def read(text: str) -> list[dict[str, Any]]:
        frames = text.split("\n\n")
        assert frames[-2:] == ["data: [DONE]", ""], text[-300:]
        return [json.loads(frame.removeprefix("data: ")) for frame in frames[:-2]]

    return read
