"""`mimo run` in scripts and pipes: what is on standard output, what on standard error, and the exit status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.command import SCRIPT, mimo

from mimo.testing import served


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "script.json"
    endless = {"when": "endless", "steps": [{"repeat": 20000, "steps": ["line\n"]}]}
    path.write_text(json.dumps({"answers": [endless, *json.loads(SCRIPT)["answers"]], "delay": 0.001}))
    return path


@pytest.fixture(scope="module")
def url(script: Path) -> Iterator[str]:
    with served("--engine", "scripted", "--script", str(script), "--api-keys", "secret") as server:
        yield server.url


def test_standard_output_is_the_answer_alone(script: Path) -> None:
    done = mimo("run", "why", "--engine", "scripted", "--script", str(script), "--thinking")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Because.\n", "")


def test_what_is_piped_in_is_context_or_the_question_itself(url: str) -> None:
    ask = ("run", "--url", url, "--key", "secret", "--thinking")
    assert mimo(*ask, "explain", piped="why\n").stdout == "Because.\n"
    assert mimo(*ask, piped="why\n").stdout == "Because.\n"


def test_json_is_the_whole_response(url: str) -> None:
    done = mimo("run", "hello", "--json", "--url", f"{url}/v1/", MIMO_API_KEY="secret")
    response = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert response["object"] == "chat.completion" and response["choices"][0]["message"]["content"] == "Hi there"


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_cut_answer_has_a_status_of_its_own(url: str, form: tuple[str, ...]) -> None:
    done = mimo("run", "hello", "--url", url, "--key", "secret", "--max-completion-tokens", "1", *form)
    assert done.returncode == 3 and "Hi" in done.stdout and "there" not in done.stdout
    assert form or (done.stdout == "Hi\n" and "cut at max_completion_tokens" in done.stderr)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--url", "{url}"), "--key or MIMO_API_KEY"),
        (("--url", "{url}", "--key", "wrong"), "--key or MIMO_API_KEY"),
        (("--url", "{url}", "--key", "secret", "--as", "gpt"), "mimo-v2-flash"),
        (("--url", "{url}/nowhere", "--key", "secret"), "answered 404"),
        (("--url", "{url}", "--slots", "3"), "--slots is for a model started here"),
        (("--url", "http://127.0.0.1:1"), "cannot be reached"),
        (("--url", "localhost:8000"), "must be an address such as http://"),
        (("--url", "http://127.0.0.1:1", "--temperature", "3"), "temperature must be between 0 and 2, got 3"),
    ],
)
def test_what_cannot_be_asked_is_one_line_and_status_1(url: str, arguments: tuple[str, ...], words: str) -> None:
    done = mimo("run", "hello", *(argument.format(url=url) for argument in arguments))
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("mimo: ") and words in line


def test_asking_nothing_is_said(url: str) -> None:
    done = mimo("run", "--url", url)
    assert done.returncode == 1 and "nothing was asked" in done.stderr


@pytest.mark.parametrize(
    ("command", "status"), [(("run", "endless", "--url", "{url}", "--key", "secret"), 141), (("models",), 1)]
)
def test_a_reader_that_goes_away_is_not_worth_a_word(url: str, command: tuple[str, ...], status: int) -> None:
    words = [sys.executable, "-m", "mimo", *(word.format(url=url) for word in command)]
    writer = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ}
    )
    assert writer.stdout is not None and writer.stderr is not None
    writer.stdout.read(1)
    writer.stdout.close()
    assert writer.stderr.read() == b""
    writer.stderr.close()
    assert writer.wait(60) == status


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_standard_file_that_is_closed_ends_nothing(url: str, closed: str) -> None:
    line = f'"$@" {closed}'
    words = [sys.executable, "-m", "mimo", "run", "hello", "--url", url, "--key", "secret"]
    done = subprocess.run(["sh", "-c", line, "sh", *words], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout in ("Hi there\n", "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
@pytest.mark.parametrize("command", ['run hello --url "$1" --key secret', "models"])
def test_a_full_disk_is_one_line(url: str, command: str) -> None:
    line = f"{sys.executable} -m mimo {command} >/dev/full"
    done = subprocess.run(["sh", "-c", line, "sh", url], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "no space left" in line


def test_ctrl_c_ends_it_with_status_130_and_no_word(url: str) -> None:
    words = [sys.executable, "-m", "mimo", "run", "endless", "--url", url, "--key", "secret"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs the tests may ignore it: inherited
    asker = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    signal.signal(signal.SIGINT, before)
    assert asker.stdout is not None and asker.stderr is not None
    asker.stdout.read(5)
    asker.send_signal(signal.SIGINT)
    _, err = asker.communicate(timeout=120)
    assert (asker.returncode, err) == (130, b"")


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_what_is_too_long_says_what_to_do(form: tuple[str, ...]) -> None:
    done = mimo("run", "explain", *form, piped="one two three four five six\n" * 20_000)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    assert "exceeds the context window" in line and "head -c" in line and "--model FILE.gguf" in line
