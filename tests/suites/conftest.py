"""A running server for other people's suites: the one at MIMO_TEST_BASE_URL, or ours, scripted and nano in turn.

A server of your own needs the models of the contract, and for openai-python's suite an alias for the model it asks for.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.llamacpp.tiny_towers import write_towers
from tests.suites.script import SCRIPT

SOURCE = Path(__file__).parents[2] / "src"
CONFIG = """port = 0
drain_seconds = 1.0
[aliases]
"gpt-6-astra" = "mimo-v2-flash"   # the model name in openai-python's own tests
"gpt-5-like" = "mimo-v2-flash"    # llm-comply asks for reasoning only of models so called
"claude-4-like" = "mimo-v2-flash"
"""


@pytest.fixture(scope="session", params=["scripted", "nano"])
def base_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the server answers, without /v1."""
    given = os.environ.get("MIMO_TEST_BASE_URL")
    if given:
        if request.param != "scripted":
            pytest.skip("MIMO_TEST_BASE_URL names the one server to test")
        yield given.rstrip("/").removesuffix("/v1")
        return
    folder = tmp_path_factory.mktemp("server")
    (folder / "config.toml").write_text(CONFIG)
    flags = ["--config", str(folder / "config.toml")]
    if request.param == "scripted":
        (folder / "script.json").write_text(json.dumps(SCRIPT))
        flags += ["--engine", "scripted", "--script", str(folder / "script.json")]
    elif not (SOURCE / "mimo/nano/nano.gguf").exists():
        pytest.skip("nano is not here")
    else:  # with random towers: what counts is that a picture is taken, not what is said of it
        write_towers(folder / "mmproj.gguf")
        flags += ["--mmproj", str(folder / "mmproj.gguf")]
    with _serving(flags) as url:
        yield url


@contextlib.contextmanager
def _serving(flags: list[str]) -> Iterator[str]:
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "mimo", "serve", *flags]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            lines: list[str] = []
            for line in process.stdout:
                lines.append(line)
                if found := re.search(r"(http://\S+)/v1", line):
                    yield found[1]
                    break
            else:
                pytest.fail(f"the server did not start:\n{''.join(lines)}")
        finally:
            process.terminate()
            process.communicate(timeout=120)
