"""LiteLLM, pydantic-ai, instructor, llm, aider and Vercel's AI SDK, unmodified, against the scripted engine.

Each runs in an environment of its own, which has its pinned version. No request may be refused, no stream end early.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mimo.testing import served
from tests.suites.packages import npm, pip
from tests.suites.recorder import Recorded, keep_transcript, recorder
from tests.suites.script import SCRIPT, WORDS

pytestmark = [pytest.mark.suites, pytest.mark.filterwarnings("ignore")]
HERE = Path(__file__).parent
PYTHON = ("litellm==1.110.2", "pydantic-ai-slim[openai,anthropic]==2.38.0", "instructor==1.17.0", "llm==0.36")
NODE = (
    "ai@7.0.173",
    "@ai-sdk/openai-compatible@3.0.92",
    "@ai-sdk/openai@3.0.141",
    "@ai-sdk/anthropic@3.0.140",
    "zod@4.6.7",
)
Where = tuple[str, list[Recorded]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    script = tmp_path_factory.mktemp("script") / "script.json"
    script.write_text(json.dumps(SCRIPT))
    with served(script=script) as server:
        yield server.url


@pytest.fixture
def where(server: str, request: pytest.FixtureRequest) -> Iterator[Where]:
    """The address for the client; afterwards nothing that it asked was refused or cut short."""
    with recorder(server) as (url, record):
        yield url, record
        keep_transcript(record, request.node.name)
        assert record
        assert not [(one.path, one.status, one.answered[:500]) for one in record if one.status >= 400]
        assert all(one.complete for one in record)


def run(command: list[str], home: Path, **variables: str) -> str:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "LITELLM_LOCAL_MODEL_COST_MAP": "True", **variables}
    finished = subprocess.run(
        command, cwd=home, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def rows(printed: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in printed.splitlines() if line.startswith("{")]


def test_python_libraries_call_tools_and_stream(where: Where, tmp_path: Path) -> None:
    found = rows(run([str(pip(*PYTHON)), str(HERE / "libraries.py"), where[0]], tmp_path))
    assert len(found) >= 17
    assert not [row for row in found if row["problem"]]


def test_llm_answers_streamed_and_whole(where: Where, tmp_path: Path) -> None:
    program = pip(*PYTHON).with_name("llm")
    model = f"- model_id: mimo\n  model_name: mimo-v2-flash\n  api_base: {where[0]}/v1\n"
    (tmp_path / "extra-openai-models.yaml").write_text(model)
    for more in ([], ["--no-stream"]):
        command = [str(program), "-m", "mimo", "--key", "none", *more, "Say hello"]
        assert WORDS in run(command, tmp_path, LLM_USER_PATH=str(tmp_path))


def test_aider_answers(where: Where, tmp_path: Path) -> None:
    program = pip("aider-chat==0.86.2").with_name("aider")
    switches = ["--no-git", "--yes-always", "--no-check-update", "--analytics-disable", "--no-show-model-warnings"]
    server = ["--openai-api-base", f"{where[0]}/v1", "--openai-api-key", "none"]
    command = [str(program), "--model", "openai/mimo-v2-flash", *server, *switches, "--message", "Say hello"]
    assert "that is what I know" in run(command, tmp_path)


def test_the_ai_sdk_answers_the_same_streamed_and_whole(where: Where, tmp_path: Path) -> None:
    shutil.copy(HERE / "vercel.mjs", tmp_path)
    (tmp_path / "node_modules").symlink_to(npm(*NODE) / "node_modules")
    node = shutil.which("node")
    assert node
    found = rows(run([node, "vercel.mjs", where[0]], tmp_path))
    assert len(found) == 8
    for row in found:
        calls = row["prompt"] == "San Francisco"
        assert row["problems"] == []
        assert str(row["whole"]).strip() == str(row["streamed"]).strip() == ("It is sunny." if calls else WORDS)
        assert row["steps"] == [1 + calls] * 2
        assert row["finish"] == ["stop", "stop"]
