"""`mimo chat`: its flags. A conversation in the terminal, or one question with its thoughts shown."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from mimo.cli.chat.flags import OPTIONS, Key, ModelId, System, Thinking, Url, wanted
from mimo.cli.options import ConfigFile, with_options


@with_options(*OPTIONS)
def chat(
    message: Annotated[str | None, typer.Argument(help="Ask this and exit; without it, a conversation.")] = None,
    *,
    url: Url = None,
    key: Key = None,
    model_id: ModelId = None,
    thinking: Thinking = None,
    system: System = None,
    config: ConfigFile = None,
    **given: Any,
) -> None:
    """Talk to a model in the terminal; its thinking is dimmed, and folds into a line.

    In the conversation /help lists the commands: other parameters, another model, undo, save. To ask from a script or a
    pipe use mimo run.
    """
    from mimo.cli.chat.once import ask_once, with_piped
    from mimo.cli.chat.talk import talk
    from mimo.serving.loop import run

    asked = wanted(model_id, thinking, system, url, key, config, given)
    if message is None and sys.stdin.isatty() and sys.stdout.isatty():
        run(talk(asked))
    else:
        run(ask_once(asked, with_piped(message), thoughts=True))
