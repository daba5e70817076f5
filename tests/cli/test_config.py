"""`mimo config`, shell completion, and the contract as JSON: as a person runs them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import httpx
from tests.cli.command import SCRIPT, mimo

from mimo.config import SETTINGS
from mimo.engines import ENGINES
from mimo.testing import served


def test_the_example_is_a_file_that_the_check_likes(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(mimo("config", "--example").stdout)
    for name in SETTINGS:
        assert name in file.read_text()
    done = mimo("config", "--check", str(file))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{file}: no mistakes\n", "")


def test_a_check_names_each_mistake_and_its_line_and_has_status_1(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('port = "x"\n\nprot = 1\n')
    done = mimo("config", "--check", str(file))
    assert (done.returncode, done.stderr) == (1, "")
    assert [line.partition(": ")[0] for line in done.stdout.splitlines()] == [f"{file}:1", f"{file}:3"]
    missing = mimo("config", "--check", str(tmp_path / "none.toml"))
    assert missing.returncode == 1 and "none.toml" in missing.stderr and "Traceback" not in missing.stderr


def test_the_settings_in_force_are_shown_with_their_origin_and_without_secrets(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('port = 9000\napi_keys = ["geheim"]\n')
    done = mimo("config", "--config", str(file), MIMO_QUEUE="7", MIMO_ACCOUNTS="postgresql://me:geheim@host/db")
    assert str(file) in done.stdout and "geheim" not in done.stdout
    assert tomllib.loads(done.stdout.replace("… (a secret)", '""')) == {
        "port": 9000, "api_keys": "", "queue": 7, "accounts": "postgresql://me:…@host/db",
    }  # fmt: skip
    assert "port = 9000  # from the file" in done.stdout and "queue = 7  # from MIMO_QUEUE" in done.stdout


def test_a_server_reads_the_settings_file_that_the_environment_names(tmp_path: Path, monkeypatch) -> None:
    script = tmp_path / "script.json"
    script.write_text(SCRIPT)
    file = tmp_path / "config.toml"
    file.write_text(f'engine = "scripted"\nscript = "{script}"\n')
    monkeypatch.setenv("MIMO_CONFIG", str(file))
    with served() as (url, _):
        assert httpx.get(f"{url}/readyz").json()["engine"] == "scripted"


def test_a_shell_completes_commands_flags_choices_and_models() -> None:
    def completed(*words: str) -> list[str]:
        line = {"COMP_WORDS": " ".join(("mimo", *words)), "COMP_CWORD": str(len(words))}
        return mimo(_MIMO_COMPLETE="complete_bash", **line).stdout.split()

    assert completed("la") == ["launch"]
    assert completed("serve", "--eng") == ["--engine"]
    assert completed("serve", "--engine", "") == list(ENGINES)
    assert completed("launch", "v") == ["vllm"]
    assert "MiMo-V2-Flash" in completed("launch", "vllm", "MiMo-V2")
    undetected = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}  # who runs the tests may have no shell
    assert "_mimo_completion" in mimo("--show-completion", "bash", **undetected).stdout


def test_models_as_json_are_what_the_api_lists_but_for_who_answers(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(SCRIPT)
    with served("--engine", "scripted", "--script", str(script)) as (url, _):
        listed = httpx.get(f"{url}/v1/models").json()
    for row in listed["data"]:
        del row["served_by"]
    assert json.loads(mimo("models", "--json").stdout) == listed
