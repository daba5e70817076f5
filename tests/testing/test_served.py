"""Claims about what people get who test their own applications: the server, and that its documentation runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import mimo.testing
from mimo.testing import DidNotStart, Script, ScriptedAnswer, served

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "testing.md").read_text("utf-8")
HELLO = {"model": "mimo-v2-flash", "messages": [{"role": "user", "content": "hi"}]}


def blocks(language: str) -> list[str]:
    """The code blocks of the page in `language`."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def run(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True)


def test_every_public_name_is_there() -> None:
    assert {name: getattr(mimo.testing, name) for name in mimo.testing.__all__}.keys() <= set(dir(mimo.testing))
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = mimo.testing.nothing_like_it


def test_a_script_given_as_a_value_is_played_until_the_block_ends() -> None:
    with served(script=Script([ScriptedAnswer(["Good", " day"])])) as server:
        answer = httpx.post(f"{server.base_url}/chat/completions", json=HELLO, timeout=60).json()
        assert answer["choices"][0]["message"]["content"] == "Good day"
    assert server.process.poll() == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)


def test_a_server_that_cannot_start_says_why() -> None:
    with pytest.raises(DidNotStart, match="not-here"), served(script="not-here.json"):
        pass


def test_the_example_of_the_page_runs(tmp_path: Path) -> None:
    example, without_pytest = blocks("python")
    (tmp_path / "test_application.py").write_text(example)
    (script,) = blocks("json")
    (tmp_path / "answers.json").write_text(json.dumps(json.loads(script)))
    (tmp_path / "pytest.ini").write_text(blocks("ini")[0])
    done = run("-m", "pytest", "-q", "-p", "mimo.testing.plugin", "-p", "no:cacheprovider", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    done = run("-c", without_pytest, folder=tmp_path)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1\n", done.stdout), done.stderr


def test_the_plugin_costs_a_run_that_does_not_use_it_nothing(tmp_path: Path) -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import mimo.testing.plugin;"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    done = run("-c", code, folder=tmp_path)
    assert done.stdout.split() == ["mimo"], done.stderr
