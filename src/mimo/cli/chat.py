"""`mimo chat`: its flags; the conversation itself is in `terminal.py`."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer
from rich.console import Console

from mimo.cli.options import SAMPLING, ConfigFile, parameter_options, setting_options, with_options
from mimo.config import SETTINGS, load_settings

_SERVER_ONLY = {name for name, row in SETTINGS.items() if row.group in ("Listening", "Keys and access", "Limits")}
_SERVER_ONLY |= {"strict", "require_reasoning_passback"}


@with_options(*parameter_options(), *setting_options(leave_out=_SERVER_ONLY))
def chat(
    message: Annotated[str | None, typer.Argument(help="Ask this and exit; without it, a conversation.")] = None,
    *,
    model_id: Annotated[
        str, typer.Option("--as", metavar="ID", help="The model id whose contract is kept. [default: mimo-v2-flash]",
                          show_default=False),
    ] = "mimo-v2-flash",
    thinking: Annotated[
        bool | None, typer.Option("--thinking/--no-thinking", help="Reason first. [default: the model's]"),
    ] = None,
    system: Annotated[str | None, typer.Option(metavar="TEXT", help="System message. [default: none]")] = None,
    config: ConfigFile = None,
    **given: Any,
) -> None:  # fmt: skip
    """Talk to a model in the terminal; its thinking is dimmed.

    Text that is piped in goes with the message: git diff | mimo chat "Explain this."
    """
    from mimo.cli.terminal import ChatOptions, piped, talk

    parameters = {name: given.pop(name) for name in SAMPLING if given.get(name) is not None}
    if thinking is not None:
        parameters["thinking"] = {"type": "enabled" if thinking else "disabled"}
    if message is not None and (text := piped()):
        message = f"{message}\n\n{text}"
    options = ChatOptions(model_id, system, message, parameters)
    asyncio.run(talk(load_settings(given, file=config), options, Console(highlight=False, markup=False)))
