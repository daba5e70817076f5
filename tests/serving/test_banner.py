"""What a server prints when it is ready: true, and fit to be pasted."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import httpx
import pytest
from rich.console import Console
from tests.cli.command import SCRIPT

from mimo.api.app import App
from mimo.api.routes import ROUTES
from mimo.chat.unknown import UnknownFormat
from mimo.config import Settings
from mimo.contract.models import MODELS
from mimo.engines.scripted.engine import ScriptedEngine
from mimo.engines.scripted.script import Script, ScriptedAnswer
from mimo.engines.upstream.hosted.engine import PRESETS, Hosted
from mimo.engines.upstream.http.client import Client
from mimo.serving.banner import show
from mimo.tokenizers.unknown import NoTokenizer


@contextmanager
def banner(*arguments: str, **environment: str) -> Iterator[list[str]]:
    """The lines that `mimo serve` prints up to the one to paste, while it serves."""
    command = [sys.executable, "-m", "mimo", "serve", "--port", "0", *arguments]
    given = {**os.environ, "NO_COLOR": "1", **environment}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=given)
    try:
        lines: list[str] = []
        for line in process.stderr or ():
            lines.append(line.rstrip("\n"))
            if line.strip().startswith("curl "):
                break
        yield lines
    finally:
        process.kill()
        process.wait()


def shown(app: App) -> str:
    """The banner of a server that is not there."""
    out = StringIO()
    show("http://127.0.0.1:1", Settings(), app, Console(file=out, width=500))
    return out.getvalue()


def pasted(line: str, **variables: str) -> httpx.Response:
    """What a shell with these variables would get for a line with curl."""
    for name, value in variables.items():
        line = line.replace(f"${name}", value)
    _, url, *words = shlex.split(line)
    options = list(zip(words[::2], words[1::2], strict=True))
    headers = dict(value.split(": ", 1) for flag, value in options if flag == "-H")
    (body,) = [value for flag, value in options if flag == "-d"]
    return httpx.post(url, headers=headers, content=body, timeout=120)


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "script.json"
    path.write_text(SCRIPT)
    return str(path)


def test_the_line_to_paste_works(script: str) -> None:
    with banner("--engine", "scripted", "--script", script) as lines:
        assert "KEY" not in lines[-1]
        assert pasted(lines[-1]).json()["choices"][0]["message"]["content"] == "Hi there"


def test_with_keys_the_line_to_paste_takes_one_from_a_variable(script: str) -> None:
    with banner("--engine", "scripted", "--script", script, MIMO_API_KEYS="geheim,zwei") as lines:
        assert "geheim" not in "\n".join(lines)
        assert "MIMO_API_KEY" in lines[-2]
        assert pasted(lines[-1], MIMO_API_KEY="wrong").status_code == 401
        assert pasted(lines[-1], MIMO_API_KEY="zwei").status_code == 200


def test_memory_windows_and_who_answers_are_said_of_nano() -> None:
    with banner("--slots", "4", "--context-window", "1024") as lines:
        said = "\n".join(lines)
    assert lines[0] == f"{', '.join(MODELS)} answered by mimo-nano (local)"
    assert "window 1,024 tokens here; documented: mimo-v2-pro 1,048,576; mimo-v2-omni, mimo-v2-flash 262,144" in said
    assert re.search(r"memory [\d.]+ MB with every window full: .* 4 slots of 1024 tokens and [\d.]+ MB each", said)


async def test_each_model_of_a_hosted_api_is_named() -> None:
    client = Client(["http://127.0.0.1:1"])
    engine = Hosted(client, NoTokenizer(), models=PRESETS["xiaomi"].models, model=None, media=("image",))
    lines = shown(App(engine, UnknownFormat(engine.tokenizer, "hosted"), routes=ROUTES)).splitlines()
    assert lines[0] == "mimo-v2-pro answered by mimo-v2.6-pro (hosted)"
    assert lines[1] == "mimo-v2-omni, mimo-v2-flash answered by mimo-v2.6-flash (hosted)"
    assert "  takes image by data URI" in lines


async def test_a_model_that_cannot_chat_is_to_be_tried_with_plain_text() -> None:
    engine = ScriptedEngine(Script([ScriptedAnswer(["Hi"])]))
    said = shown(App(engine, UnknownFormat(engine.tokenizer, "it has no template"), routes=ROUTES))
    await engine.close()
    assert "no chat: it has no template" in said
    assert "curl http://127.0.0.1:1/v1/completions " in said and '"prompt"' in said


def test_the_settings_file_in_use_is_said(tmp_path: Path, script: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f'engine = "scripted"\nscript = "{script}"\n')
    with banner(MIMO_CONFIG=str(file)) as lines:
        assert lines[0] == f"settings from {file}"
