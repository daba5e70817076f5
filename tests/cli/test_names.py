"""Names and paths that look like markup are printed as they are, by every command: no traceback, nothing lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.command import SCRIPT, mimo

from mimo.nano import gguf_path
from mimo.testing import served

NAME = "a[/b][red]{c}"
CLEARS = "\x1b[2J\x1b]0;owned\x07"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / NAME
    made.mkdir(parents=True)
    (made / "script.json").write_text(SCRIPT)
    (made / "broken.toml").write_text("port = \n")
    (made / "aliases.toml").write_text(f'[aliases]\n"{NAME}" = "mimo-v2-pro"\n')
    (made / "empty.gguf").write_text("")
    return made


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve", "--model", "none.gguf"),
        ("serve", "--model", "empty.gguf"),
        ("serve", "--llama-library", "none.so"),
        ("serve", "--engine", "scripted", "--script", "none.json"),
        ("serve", "--config", "broken.toml"),
        ("chat", "hi", "--model", "none.gguf"),
        ("models", "--config", "none.toml"),
    ],
    ids=" ".join,
)
def test_a_file_of_such_a_name_that_cannot_be_used_is_named_whole(folder: Path, arguments: tuple[str, ...]) -> None:
    *flags, file = arguments
    done = mimo(*flags, str(folder / file), *(("--port", "0") if flags[0] == "serve" else ()))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert str(folder / file) in done.stderr


@pytest.mark.parametrize(
    "arguments", [("launch", NAME, "x"), ("serve", f"--{NAME}"), ("chat", "hi", "--as", NAME), (NAME,)]
)
def test_an_argument_of_such_a_name_is_named_whole(arguments: tuple[str, ...]) -> None:
    done = mimo(*arguments)
    assert done.returncode in (1, 2) and NAME in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("launch", CLEARS, "x"),
        ("serve", f"--{CLEARS}"),
        (CLEARS,),
        ("serve", "--port", "0", "--model", f"{CLEARS}.gguf"),
    ],
)
def test_a_name_cannot_clear_the_screen_or_rename_the_window(arguments: tuple[str, ...]) -> None:
    done = mimo(*arguments)
    assert done.returncode in (1, 2) and "Traceback" not in done.stderr
    assert "\\x1b[2J\\x1b]0;owned\\x07" in done.stderr and "\x1b" not in done.stderr


def test_a_model_of_such_a_name_is_served_and_its_name_escaped(tmp_path: Path) -> None:
    (script := tmp_path / f"{CLEARS}.json").write_text(SCRIPT)
    command = [sys.executable, "-m", "mimo", "serve", "--port", "0", "--engine", "scripted", "--script", str(script)]
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        printed = next(line for line in process.stderr if "/v1" in line or "answered by" in line)
        process.terminate()
        printed += process.stderr.read()
    assert "\\x1b[2J\\x1b]0;owned\\x07 (scripted)" in printed and "\x1b" not in printed


def test_such_names_are_served_shown_and_launched(folder: Path) -> None:
    copy = folder / "model[b].gguf"
    shutil.copy(gguf_path(), copy)
    with served("--model", str(copy)) as (_, process):
        process.terminate()
        assert process.wait(20) == 0
    with served("--engine", "scripted", "--script", str(folder / "script.json")):
        pass
    assert NAME in mimo("models", "--config", str(folder / "aliases.toml")).stdout
    assert NAME in mimo("launch", "llama-server", NAME).stdout


def test_a_system_that_is_not_posix_is_refused_in_one_line() -> None:
    code = "import mimo.cli.main as m, os; os.name = 'other'; m.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("mimo: mimo runs on Linux and macOS")
