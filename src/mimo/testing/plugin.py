"""The pytest plugin: the fixture `mimo_server`, and what it serves. pytest loads it in every run, so it imports little.

In `pyproject.toml`, `[tool.pytest.ini_options]`: `mimo_script = "tests/answers.json"` plays a script, and
`mimo_arguments = ["--slots", "4"]` are more arguments for `mimo serve`. Without them the server runs nano.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mimo.testing.process import Served


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the two settings."""
    parser.addini("mimo_script", "script that mimo_server plays, from the root folder; none: nano answers", default="")
    parser.addini("mimo_arguments", "more arguments of `mimo serve` for mimo_server", type="args", default=[])


@pytest.fixture(scope="session")
def mimo_server(pytestconfig: pytest.Config) -> Iterator[Served]:
    """A real server for the whole run: `mimo_server.base_url` for an SDK, `mimo_server.url` without /v1."""
    from mimo.testing.process import served

    script = pytestconfig.getini("mimo_script")
    with served(
        *pytestconfig.getini("mimo_arguments"), script=pytestconfig.rootpath / script if script else None
    ) as server:
        yield server
