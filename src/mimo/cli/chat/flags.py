"""The flags that `mimo chat` and `mimo run` share: whom to ask, how, and the settings of an engine started here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from mimo.cli.chat.wanted import Wanted
from mimo.cli.options import SAMPLING, parameter_options, setting_options
from mimo.config import SETTINGS

KEY_VARIABLE = "MIMO_API_KEY"
_SERVER_ONLY = {name for name, row in SETTINGS.items() if row.group in ("Listening", "Keys and access", "Limits")}
_SERVER_ONLY |= {"strict", "require_reasoning_passback"}

OPTIONS = (*parameter_options(), *setting_options(leave_out=_SERVER_ONLY))
ModelId = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="ID", show_default=False,
        help="The model id to ask for. [default: mimo-v2-flash, or the first that the server has]",
    ),
]  # fmt: skip
Url = Annotated[
    str | None,
    typer.Option(metavar="URL", show_default=False,
                 help="Ask a running server, ours or any OpenAI-compatible one, and load no model. [default: none]"),
]  # fmt: skip
Key = Annotated[
    str | None,
    typer.Option(metavar="TEXT", show_default=False, help=f"API key for --url. [default: {KEY_VARIABLE}, or none]"),
]
Thinking = Annotated[
    bool | None,
    typer.Option("--thinking/--no-thinking", help="Reason first. [default: the model's; on for nano]"),
]
System = Annotated[str | None, typer.Option(metavar="TEXT", help="System message. [default: none]")]


def wanted(
    model: str | None,
    thinking: bool | None,
    system: str | None,
    url: str | None,
    key: str | None,
    config: Path | None,
    given: dict[str, Any],
) -> Wanted:
    """The flags as a value. `given`: those of `OPTIONS`."""
    parameters = {name: given.pop(name) for name in SAMPLING if given.get(name) is not None}
    key = (key or os.environ.get(KEY_VARIABLE) or "").strip() or None
    return Wanted(model, thinking, system, url, key, parameters, given, config)
