"""`mimo config`: the settings in force and where they come from, a file to begin with, and a check of one."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from mimo.cli.options import ConfigFile
from mimo.config import DEFAULTS, SETTINGS, default_text, load_settings
from mimo.config.example import example as example_file
from mimo.config.example import toml
from mimo.config.file import default_path, find

_PASSWORD = re.compile(r"(://[^/:@\"]*):[^/@\"]*@")
"""In an address."""


def config(
    config: ConfigFile = None,
    example: Annotated[
        bool, typer.Option("--example", help="Print a settings file that holds every setting. [default: off]")
    ] = False,
    check: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Name every mistake in FILE with its line. [default: none]"),
    ] = None,
) -> None:
    """Show the settings in force; print an example file; check one.

    Exit status: 0 if the file can be used, 1 if not.
    """
    if example:
        print(example_file(), end="")
    elif check is not None:
        sys.exit(_check(check))
    else:
        _show(config, os.environ)


def _check(file: Path) -> int:
    from mimo.config.check import mistakes

    found = mistakes(file)
    for line, words in found:
        print(f"{file}:{line}: {words}")
    if not found:
        print(f"{file}: no mistakes")
    return 1 if found else 0


def _show(file: Path | None, environment: Mapping[str, str]) -> None:
    """What differs from the defaults, as a settings file would have it."""
    found = find(file, environment)
    print(f"# settings file: {found.path if found else f'none; the usual place is {default_path(environment)}'}")
    settings = load_settings({}, file=file, environment=environment)
    for row in SETTINGS.values():
        value = getattr(settings, row.name)
        if value == getattr(DEFAULTS, row.name):
            continue
        origin = row.variable if row.flag and environment.get(row.variable) else "the file"
        shown = "… (a secret)" if row.secret else _PASSWORD.sub(r"\1:…@", toml(value))
        print(f"{row.name} = {shown}  # from {origin}; default: {default_text(row)}")
    print("# every other setting has its default; mimo config --example shows them all")
