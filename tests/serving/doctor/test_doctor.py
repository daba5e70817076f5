"""`mimo doctor`: what is wrong is found, said with what to do, and is the exit status."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from tests.cli.command import mimo
from tests.engines.upstream.fakes import Fake, free_port

from mimo.config import Settings
from mimo.nano import gguf_path
from mimo.serving.doctor import CHECKS


def doctor(*arguments: str, **environment: str) -> tuple[int, list[dict[str, str]]]:
    done = mimo("doctor", "--json", *arguments, **environment)
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["ok"] is (done.returncode == 0)
    return done.returncode, report["findings"]


def wrong(found: list[dict[str, str]]) -> dict[str, str]:
    """check → what is wrong first, and what to do."""
    return {row["check"]: f"{row['said']} → {row['do']}" for row in reversed(found) if row["state"] == "wrong"}


def test_a_machine_that_can_serve_nano_passes(tmp_path: Path) -> None:
    status, found = doctor("--port", "0", "--data-dir", str(tmp_path / "new" / "folder"))
    assert (status, wrong(found)) == (0, {})
    said = {row["check"]: row["said"] for row in found if row["state"] == "ok"}
    assert set(said) >= set(CHECKS) - {"open files", "packages"}
    assert "xllamacpp" in said["packages"] and "Python" in said["versions"] and "core" in said["threads"]
    assert not (tmp_path / "new").exists()


def test_people_read_a_line_a_finding_and_what_to_do_below_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = mimo("doctor", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1 and "\x1b" not in done.stdout
    lines = done.stdout.splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith("wrong")]
    assert "address: cannot listen on 127.0.0.1" in lines[at] and "--port 0" in lines[at + 1]


@pytest.mark.parametrize(
    ("settings", "check", "words"),
    [
        ({"llama_library": Path("/no/such.so")}, "llama.cpp", "/no/such.so"),
        ({"model": Path("/no/such.gguf")}, "llama.cpp", "/no/such.gguf"),
        ({"engine": "scripted", "slots": 3}, "engine", "slots: the scripted engine does not read it"),
        ({"engine": "vllm", "upstream": (f"http://127.0.0.1:{free_port()}",)}, "engine", "connection refused"),
        ({"engine": "vllm"}, "engine", "--upstream"),
        ({"host": "no.such.host.invalid"}, "address", "no such address"),
        ({"data_dir": Path(__file__)}, "data", "not a directory"),
    ],
)
def test_what_keeps_a_server_from_starting_is_found(settings: dict[str, Any], check: str, words: str) -> None:
    found = list(CHECKS[check](Settings(port=0, **settings)))
    (wrong, *_) = [one for one in found if one.state == "wrong"]
    assert words in f"{wrong.said} {wrong.do}" and wrong.do


def test_settings_that_cannot_be_used_are_found_and_the_rest_is_looked_at() -> None:
    status, found = doctor("--queue", "-1")
    assert status == 1 and "queue must be between" in wrong(found)["settings"]
    assert set(CHECKS) - {"packages"} <= {row["check"] for row in found}


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_cannot_be_written_is_found(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    (found,) = CHECKS["data"](Settings(data_dir=tmp_path / "below"))
    assert found.state == "wrong" and "permission denied" in found.said


def test_a_cache_that_cannot_be_written_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(Path(__file__) / "below"))
    (found,) = CHECKS["cache"](Settings())
    assert found.state == "note" and "NUMBA_CACHE_DIR" in found.do


def test_an_upstream_that_is_there_is_said_to_serve_its_model(fake: Fake) -> None:
    settings = Settings(port=0, engine="vllm", upstream=(fake.url,), tokenizer=gguf_path())
    said = [one.said for one in CHECKS["engine"](settings)]
    assert f"vllm serves {fake.model}, 512 tokens of window" in said and f"{fake.url} answers" in said


def test_a_hosted_upstream_that_is_gone_is_wrong_and_one_of_two_is_a_note(fake: Fake) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    for urls, state in (((gone,), "wrong"), ((fake.url, gone), "note")):
        settings = Settings(port=0, engine="hosted", upstream=urls, upstream_model="m")
        (one,) = [one for one in CHECKS["engine"](settings) if gone in one.said]
        assert one.state == state
