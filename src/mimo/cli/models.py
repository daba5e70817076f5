"""`mimo models`: the contract, every model and every parameter."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.console import Console

from mimo.cli.options import ConfigFile
from mimo.config import load_settings, model_rows


def models(
    config: ConfigFile = None,
    json: Annotated[bool, typer.Option("--json", help="As GET /v1/models has it. [default: off]")] = False,
) -> None:
    """Show the contract: every model, every parameter."""
    from mimo.cli.tables import models_table, parameters_text, prices_table

    rows = model_rows(load_settings({}, file=config)).values()
    if json:
        from mimo.api.endpoints.models import describe_promise

        listed = {"object": "list", "data": [describe_promise(row) for row in rows]}
        return print(msgspec.json.format(msgspec.json.encode(listed)).decode())
    console = Console(highlight=False, markup=False)
    for part in (models_table(rows), prices_table(rows)):
        console.print(part)
        console.print()
    console.print(parameters_text(min(console.width, 100)), end="")
