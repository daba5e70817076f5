"""`mimo doctor`: what a server needs of this machine and of its upstream, looked at without starting one."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from mimo.cli.options import ConfigFile, setting_options, with_options
from mimo.config import ConfigError, Settings, load_settings

_STYLES = {"ok": "green", "note": "yellow", "wrong": "bold red"}


@with_options(*setting_options())
def doctor(
    *,
    config: ConfigFile = None,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON. [default: off]")] = False,
    **given: Any,
) -> None:
    """Look at versions, processor, memory, llama.cpp, upstream, data folder and port, and say what to do.

    Takes the flags of mimo serve. Exit status: 0 if a server can start, 1 if something is wrong.
    """
    from mimo.serving.doctor import findings
    from mimo.serving.doctor.base import Finding

    try:
        settings, said = load_settings(given, file=config), Finding("ok", "can be used")
    except ConfigError as problem:
        settings, said = Settings(), Finding("wrong", str(problem), "mimo config --check FILE names every mistake")
    console = Console(highlight=False, markup=False, soft_wrap=True, quiet=json)
    found = []
    for name, one in (("settings", said), *findings(settings)):
        found.append({"check": name, "state": one.state, "said": one.said, "do": one.do})
        console.print(Text.assemble((f"{one.state:5}", _STYLES[one.state]), f"  {name}: {one.said}"))
        if one.do:
            console.print(f"       → {one.do}")
    healthy = all(row["state"] != "wrong" for row in found)
    if json:
        print(msgspec.json.format(msgspec.json.encode({"ok": healthy, "findings": found})).decode())
    sys.exit(0 if healthy else 1)
