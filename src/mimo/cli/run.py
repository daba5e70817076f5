"""`mimo run`: one question and its answer, for scripts and pipes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mimo.cli.chat.flags import OPTIONS, Key, ModelId, System, Thinking, Url, wanted
from mimo.cli.options import ConfigFile, with_options

CUT = 3
"""Exit status of an answer that is not whole."""


@with_options(*OPTIONS)
def run(
    prompt: Annotated[str | None, typer.Argument(help="The question. [default: what is piped in]")] = None,
    *,
    url: Url = None,
    key: Key = None,
    model_id: ModelId = None,
    thinking: Thinking = None,
    system: System = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the whole response of the API instead. [default: off]")
    ] = False,
    config: ConfigFile = None,
    **given: Any,
) -> None:
    """Answer one question: standard output is the answer and nothing else.

    Text that is piped in is context and goes after the question: git diff | mimo run "Explain this."

    Exit status: 0 answered; 1 not answered, standard error says why; 2 wrong flags; 3 answered in part, cut at
    max_completion_tokens; 130 stopped by Ctrl-C; 141 the reader of a pipe has gone.
    """
    from mimo.cli.chat.once import ask_for_json, ask_once, with_piped
    from mimo.serving import loop

    question = with_piped(prompt)
    asked = wanted(model_id, thinking, system, url, key, config, given)
    whole = loop.run(ask_for_json(asked, question) if as_json else ask_once(asked, question))
    if not whole:
        raise typer.Exit(CUT)
