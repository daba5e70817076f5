"""The help of every command: all flags, all defaults, all choices, readable at 80 columns and through a pipe."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache

import pytest
from typer.main import get_group

from mimo.cli.main import app
from mimo.cli.options import SAMPLING, bounds_text, parameter_default
from mimo.config import SETTINGS, default_text, number_text
from mimo.contract.parameters import PARAMETERS
from mimo.engines import ENGINES

COMMANDS = [(), *((name,) for name in get_group(app).commands)]


@cache
def help_of(*command: str, flag: str = "--help") -> str:
    environment = {**os.environ, "COLUMNS": "80"}
    environment.pop("NO_COLOR", None)
    done = subprocess.run(
        [sys.executable, "-m", "mimo", *command, flag], capture_output=True, text=True, timeout=300, env=environment
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def entries(command: str) -> dict[str, str]:
    """What the help of `command` says to each flag, without white space: lines are broken anywhere."""
    parts = re.split(r"^  (?=-)", help_of(command), flags=re.M)[1:]
    return {part.split()[0]: re.sub(r"\s", "", re.split(r"\n\n", part)[0]) for part in parts}


@pytest.mark.parametrize("row", [row for row in SETTINGS.values() if row.flag], ids=lambda row: row.name)
def test_serve_shows_every_setting_with_its_default_bounds_and_choices(row):
    said = entries("serve")[row.option]
    assert f"default:{re.sub(' ', '', default_text(row))}]" in said
    assert re.sub(" ", "", row.help) in said
    for bound in row.bounds or ():
        assert number_text(bound) in said
    for choice in row.choices:
        assert choice in said


@pytest.mark.parametrize("name", SAMPLING)
def test_chat_shows_every_sampling_parameter_with_its_range_and_default(name):
    row = PARAMETERS[name]
    said = entries("chat")[f"--{name.replace('_', '-')}"]
    assert re.sub(" ", "", f"default: {parameter_default(row)}]") in said
    assert name == "stop" or re.sub(" ", "", bounds_text(row)) in said


def test_every_engine_of_the_table_is_explained_in_the_help():
    said = entries("serve")["--engine"]
    for name, row in ENGINES.items():
        assert re.sub(" ", "", f"{name}: {row.summary}") in said


def test_settings_are_in_groups():
    for group in {row.group for row in SETTINGS.values() if row.flag}:
        assert f"\n{group}:\n" in help_of("serve")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_80_columns_and_is_plain_text_through_a_pipe(command):
    said = help_of(*command)
    assert max(map(len, said.splitlines())) <= 80
    assert "\x1b" not in said and "e+" not in said
    assert said == help_of(*command, flag="-h")


def test_the_list_of_commands_cuts_no_sentence():
    assert "..." not in help_of().partition("Commands:")[2]


def test_mimo_alone_shows_the_help():
    assert subprocess.run([sys.executable, "-m", "mimo"], capture_output=True, text=True, timeout=60).returncode == 0


def test_help_waits_for_nothing_that_takes_long_to_import() -> None:
    slow = "aiohttp", "granian", "jinja2", "llguidance", "numba", "numpy", "prompt_toolkit"
    code = f"import sys, mimo.cli.main; print(*(name for name in {slow} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.split() == []
