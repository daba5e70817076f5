"""`mimo launch`: print or run the command that starts an engine as an upstream."""

from __future__ import annotations

import asyncio
import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from mimo.engines import ENGINES
from mimo.engines.upstream.recipes import launch as made
from mimo.engines.upstream.recipes import recipes
from mimo.serving.console import log_console

_ENGINES = [name for name, row in ENGINES.items() if row.launched]


def _known(engine: str) -> str:
    """Checked before anything is said of the arguments that follow it."""
    recipes(engine)
    return engine


def _engines(begun: str) -> list[str]:
    """Those that a shell may complete `begun` to."""
    return [name for name in _ENGINES if name.startswith(begun)]


def _models(context: typer.Context, begun: str) -> list[str]:
    """The names of weights that the engine has a recipe for, the one for any other left out."""
    engine = context.params.get("engine")
    return [row.model for row in recipes(engine)[:-1] if row.model.startswith(begun)] if engine in _ENGINES else []


def launch(
    context: typer.Context,
    engine: Annotated[
        str,
        typer.Argument(
            metavar="ENGINE", help=f"One of {', '.join(_ENGINES)}.", callback=_known, autocompletion=_engines
        ),
    ],
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="MiMo-V2-Flash, MiMo-V2.5, MiMo-V2.6-Flash …, a hub id, or a path.",
            autocompletion=_models,
        ),
    ],
    gpus: Annotated[
        int | None,
        typer.Option(metavar="INT", min=1, help="GPUs to spread over. [default: the recipe's]"),
    ] = None,
    port: Annotated[int, typer.Option(metavar="INT", min=1, max=65535, help="Port of the engine.")] = 8001,
    run: Annotated[
        bool, typer.Option("--run", help="Start it, and start it again when it dies. [default: off]")
    ] = False,
) -> None:
    """Print the command that starts an engine as an upstream.

    Options that mimo does not know are passed on to the engine.
    """
    from mimo.serving.supervise import supervise

    recipe = made(engine, model, gpus=gpus, port=port, more=tuple(context.args))
    console = log_console()
    if not run:
        print(recipe.shell)
        console.print(f"then: {recipe.front(engine)}")
        if not recipe.weights.endswith(".gguf") and find_spec("tokenizers") is None:
            console.print("which reads a tokenizer.json, and so needs: pip install 'mimo[upstream]'")
        return
    sys.exit(asyncio.run(supervise(recipe.command, recipe.environment, console.print)))
