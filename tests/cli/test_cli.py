"""The commands as a person runs them: real processes, one-line errors, flags from the tables."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from tests.cli.command import SCRIPT, mimo

from mimo import __version__
from mimo.contract.models import MODELS
from mimo.contract.parameters import PARAMETERS
from mimo.testing import served


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.json"
    path.write_text(SCRIPT)
    return path


def test_version_is_said() -> None:
    assert mimo("--version").stdout.strip() == f"mimo {__version__}"


def test_models_shows_every_model_and_parameter_uncut_at_80_columns(tmp_path: Path) -> None:
    file = tmp_path / "mimo.toml"
    file.write_text(f'[aliases]\n"{"a" * 30}" = "mimo-v2-pro"\n')
    shown = mimo("models", "--config", str(file), COLUMNS="80").stdout
    for name in (*MODELS, *PARAMETERS, "a" * 30):
        assert name in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_chat_answers_one_message(script: Path) -> None:
    done = mimo("chat", "why", "--engine", "scripted", "--script", str(script), "--thinking")
    assert done.returncode == 0
    assert done.stdout.split() == ["Hm", "Because."]


def test_text_piped_into_chat_goes_with_the_message(script: Path) -> None:
    scripted = ("--engine", "scripted", "--script", str(script))
    assert mimo("chat", "hello", *scripted, piped="why\n").stdout.split() == ["HmBecause."]
    assert mimo("chat", "hello", *scripted, piped="").stdout.split() == ["Hi", "there"]


def test_chat_says_when_the_limit_cut_the_answer(script: Path) -> None:
    done = mimo("chat", "hello", "--engine", "scripted", "--script", str(script), "--max-completion-tokens", "1")
    assert "Hi" in done.stdout and "there" not in done.stdout
    assert "cut at max_completion_tokens" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("chat", "hi", "--temperature", "3"), "temperature must be between 0 and 2, got 3.0"),
        (("chat", "hi", "--as", "gpt-5"), "mimo-v2-flash"),
        (("serve", "--model", "/no/such.gguf", "--port", "0"), "/no/such.gguf: no such file"),
        (("serve", "--engine", "scripted", "--port", "0"), "--script"),
        (("serve", "--host", "0.0.0.0", "--port", "0"), "--insecure"),
        (("serve", "--host", "no.such.host.invalid", "--port", "0"), "no such address"),
        (("serve", "--upstream", "http://127.0.0.1:1", "--port", "0"), "upstream: the local engine does not read it"),
        (("serve", "--engine", "hosted", "--slots", "9", "--port", "0"), "--engine: local"),
        (("serve", "--context-window", "1048576", "--port", "0"), "the model's own, got 1048576"),
        (("launch", "tensorrt", "MiMo-V2-Flash"), "those there are: llama-server, vllm, sglang"),
        (("launch", "tensorrt"), "those there are: llama-server, vllm, sglang"),
    ],
)
def test_what_cannot_start_is_one_line(arguments: tuple[str, ...], words: str) -> None:
    done = mimo(*arguments)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("mimo: ") and words in lines[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("serve", "--prot", "80"), "no such option: --prot (Possible options: --host, --mmproj, --port"),
        (("serve", "--port", "many"), "'--port': must be a whole number, got \"many\""),
        (("serve", "--drain-seconds", "x"), "'--drain-seconds': must be a number, got \"x\""),
        (("launch", "vllm", "m", "--port", "0"), "'--port': must be 1 or more, got \"0\""),
        (("serve", "--engine", "magic"), "'local', 'scripted', 'llama-server'"),
        (("serve", "--model"), "'--model' requires an argument"),
        (("launch", "vllm"), "missing argument 'MODEL'"),
        (("sevre",), "no such command 'sevre'"),
    ],
)
def test_a_mistyped_command_line_is_one_line_that_names_the_help(arguments: tuple[str, ...], words: str) -> None:
    done = mimo(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("mimo: ") and words in line and "--help" in line


def test_a_truncated_model_is_one_line_that_names_the_file(tmp_path: Path) -> None:
    from mimo.nano import gguf_path

    path = tmp_path / "cut.gguf"
    path.write_bytes(gguf_path().read_bytes()[:200_000])
    done = mimo("serve", "--model", str(path), "--port", "0")
    assert done.returncode == 1
    assert "cut.gguf" in done.stderr and "truncated" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_script_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text('{"answers": [{"steps": [3]}]}')
    done = mimo("serve", "--engine", "scripted", "--script", str(path), "--port", "0")
    assert done.returncode == 1
    assert "script.json" in done.stderr and "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_one_line(script: Path) -> None:
    with served("--engine", "scripted", "--script", str(script)) as (url, _):
        done = mimo("serve", "--engine", "scripted", "--script", str(script), "--port", url.rpartition(":")[2])
    assert done.returncode == 1
    assert "address already in use" in done.stderr


def test_keys_from_the_environment_are_asked_for(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIMO_API_KEYS", "secret")
    with served("--engine", "scripted", "--script", str(script)) as (url, _):
        body = {"model": "mimo-v2-flash", "messages": [{"role": "user", "content": "hi"}]}
        refused = httpx.post(f"{url}/v1/chat/completions", json=body)
        allowed = httpx.post(f"{url}/v1/chat/completions", json=body, headers={"authorization": "Bearer secret"})
    assert (refused.status_code, allowed.status_code) == (401, 200)
    assert allowed.json()["choices"][0]["message"]["content"] == "Hi there"


def test_sigterm_ends_the_server_with_status_0(script: Path) -> None:
    with served("--engine", "scripted", "--script", str(script)) as (_, process):
        process.terminate()
        assert process.wait(120) == 0
