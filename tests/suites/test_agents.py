"""Coding agents, unmodified, against a running server: each calls one of its own tools and gets an answer.

The scripted engine plays the model. What counts is that no request is refused, that every stream comes to its last
event, that the agent has run the command, and that it prints what the model says of the result.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mimo.testing import Script, ScriptedAnswer, served
from tests.suites.packages import npm
from tests.suites.recorder import Recorded, keep_transcript, recorder
from tests.suites.script import call

pytestmark = [pytest.mark.suites, pytest.mark.filterwarnings("ignore")]

SAID = "The answer is 42."
COMMAND = "echo 42 > written.txt"
SECONDS = 240
TOOLS = {
    "claude": call("Bash", command=COMMAND, description="Write the answer"),
    "codex": call("exec_command", cmd=COMMAND),
    "opencode": call("bash", command=COMMAND, description="Write the answer"),
}
Where = tuple[str, list[Recorded]]


@pytest.fixture(params=["answers at once", "calls a tool"])
def calls(request: pytest.FixtureRequest) -> bool:
    """Whether the model calls a tool first."""
    return bool(request.param == "calls a tool")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A model that calls the tool of the agent whose name it reads, and answers everything else."""
    tools = [ScriptedAnswer(list(steps), f"as {agent} calls") for agent, steps in TOOLS.items()]
    done = ScriptedAnswer([f"{word} " for word in SAID.split()], "<tool_response>")
    script = Script([done, *tools, ScriptedAnswer([f"{word} " for word in SAID.split()])], context_window=1_000_000)
    with served(script=script) as server:
        yield server.url


@pytest.fixture
def where(server: str, request: pytest.FixtureRequest) -> Iterator[Where]:
    """The address for the agent, and what it has asked."""
    with recorder(server) as (url, record):
        yield url, record
        keep_transcript(record, request.node.name)


def run(command: list[str], home: Path, prompt: str, **variables: str) -> str:
    """What an agent prints, with nothing of this machine's settings."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "NO_COLOR": "1", **variables}
    finished = subprocess.run(
        [*command, prompt], cwd=home, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=SECONDS,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def prompt_for(agent: str, calls: bool) -> str:
    """Words on which the script calls the agent's tool, or answers."""
    return f"Write the answer as {agent} calls" if calls else "Say hello"


def check(record: list[Recorded], printed: str, home: Path, calls: bool, path: str) -> None:
    """What holds for every agent."""
    refused = [(one.method, one.path, one.status, one.answered[:500]) for one in record if one.status >= 400]
    assert not refused
    assert all(one.complete for one in record)
    asked = [one for one in record if one.method == "POST" and one.path.startswith(path)]
    assert len(asked) >= (2 if calls else 1)
    assert all(one.streamed for one in asked)
    assert SAID in printed
    assert (home / "written.txt").exists() == calls


def test_claude_code_calls_its_tools_and_answers(where: Where, calls: bool, tmp_path: Path) -> None:
    program = npm("@anthropic-ai/claude-code@2.1.332") / "node_modules/.bin/claude"
    url, record = where
    printed = run(
        [str(program), "--allowedTools", "Bash", "-p"],
        tmp_path,
        prompt_for("claude", calls),
        ANTHROPIC_BASE_URL=url,
        ANTHROPIC_API_KEY="none",
        ANTHROPIC_MODEL="mimo-v2-flash",
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
        DISABLE_AUTOUPDATER="1",
    )
    check(record, printed, tmp_path, calls, "/v1/messages")


def test_codex_calls_its_tools_and_answers(where: Where, calls: bool, tmp_path: Path) -> None:
    program = npm("@openai/codex@0.169.0") / "node_modules/.bin/codex"
    url, record = where
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex/config.toml").write_text(
        f"""model = "mimo-v2-flash"
model_provider = "mimo"
sandbox_mode = "danger-full-access"  # a sandbox in a sandbox does not start
[model_providers.mimo]
name = "mimo"
base_url = "{url}/v1"
wire_api = "responses"
"""
    )
    printed = run([str(program), "exec", "--skip-git-repo-check"], tmp_path, prompt_for("codex", calls))
    check(record, printed, tmp_path, calls, "/v1/responses")


def test_opencode_calls_its_tools_and_answers(where: Where, calls: bool, tmp_path: Path) -> None:
    program = npm("opencode-ai@1.18.33") / "node_modules/.bin/opencode"
    url, record = where
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{url}/v1", "apiKey": "none"},
        "models": {"mimo-v2-flash": {}},
    }
    settings = {
        "model": "mimo/mimo-v2-flash",
        "small_model": "mimo/mimo-v2-flash",
        "permission": {"bash": "allow"},
        "provider": {"mimo": provider},
    }
    (tmp_path / "opencode.json").write_text(json.dumps(settings))
    printed = run(
        [str(program), "run"],
        tmp_path,
        prompt_for("opencode", calls),
        OPENCODE_DISABLE_MODELS_FETCH="1",
        OPENCODE_DISABLE_AUTOUPDATE="1",
    )
    check(record, printed, tmp_path, calls, "/v1/chat/completions")
