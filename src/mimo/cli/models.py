"""`mimo models`: the contract, every model and every parameter."""

from __future__ import annotations

from rich.console import Console

from mimo.cli.options import ConfigFile
from mimo.config import load_settings, model_rows


def models(config: ConfigFile = None) -> None:
    """Show the contract: every model, every parameter."""
    from mimo.cli.tables import models_table, parameters_text, prices_table

    rows = model_rows(load_settings({}, file=config)).values()
    console = Console(highlight=False, markup=False)
    for part in (models_table(rows), prices_table(rows)):
        console.print(part)
        console.print()
    console.print(parameters_text(min(console.width, 100)), end="")
