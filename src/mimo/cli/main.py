"""The command line: `mimo serve`, `mimo chat`, `mimo models`, `mimo launch`.

Flags come from the two tables that also feed everything else: `Settings` for the server, PARAMETERS for sampling.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer
from rich.console import Console

from mimo import __version__
from mimo.config import Settings, load_settings
from mimo.contract.errors import ApiError, StartError
from mimo.contract.parameters import PARAMETERS, Parameter

app = typer.Typer(
    name="mimo",
    help="The MiMo API as software you run.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_SAMPLING = ("temperature", "top_p", "max_completion_tokens", "frequency_penalty", "presence_penalty", "stop", "seed")


def _option(name: str, kind: Any, help: str, *spellings: str) -> inspect.Parameter:
    option = typer.Option(*(spellings or (f"--{name.replace('_', '-')}",)), help=help, show_default=False)
    annotation = Annotated[kind | None, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _setting_options(leave_out: Sequence[str] = ()) -> list[inspect.Parameter]:
    options = []
    hints = get_type_hints(Settings)
    for row in fields(Settings):
        if not row.metadata.get("flag", True) or row.name in leave_out:
            continue
        kind = next((arm for arm in get_args(hints[row.name]) if arm in (int, Path)), hints[row.name])
        if kind not in (int, float, bool, Path):
            kind = str
        default = "" if row.default in (None, (), MISSING, False) else f" [default: {row.default}]"
        flag = f"--{row.name.replace('_', '-')}"
        spelling = f"{flag}/--no-{flag[2:]}" if kind is bool else flag
        options.append(_option(row.name, kind, f"{row.metadata['help']}{default}", spelling))
    return options


def _parameter_option(row: Parameter) -> inspect.Parameter:
    kind: Any = {"number": float, "integer": int}.get(row.type, list[str])
    bounds = f" {row.minimum:g} to {row.maximum:g}." if row.minimum is not None and row.maximum is not None else ""
    default = f" [default: {row.default}]" if row.default is not None else ""
    return _option(row.name, kind, f"{row.description}{bounds}{default}")


def _with_options(*options: inspect.Parameter) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command that takes `**given` the options of the tables, in the form Typer reads."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [
            parameter
            for parameter in inspect.signature(command, eval_str=True).parameters.values()
            if parameter.kind is not inspect.Parameter.VAR_KEYWORD
        ]
        command.__signature__ = inspect.Signature([*own, *options])  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *options]}
        return command

    return decorate


@app.command()
@_with_options(*_setting_options())
def serve(
    *,
    config: Annotated[Path | None, typer.Option(help="TOML file with any of these settings.")] = None,
    **given: Any,
) -> None:
    """Serve the MiMo API over HTTP."""
    settings, console = load_settings(given, file=config), Console(stderr=True)
    if settings.workers > 1:
        from mimo.serving.workers import serve_in_workers

        return serve_in_workers(settings, console)
    from mimo.serving import loop
    from mimo.serving.run import run

    loop.run(run(settings, console))


@app.command()
@_with_options(
    *(_parameter_option(PARAMETERS[name]) for name in _SAMPLING),
    *_setting_options(
        leave_out=(
            "host",
            "port",
            "api_keys",
            "insecure",
            "cors_origin",
            "body_limit",
            "allow_media_urls",
            "drain_seconds",
            "strict",
            "workers",
        )
    ),
)
def chat(
    message: Annotated[str | None, typer.Argument(help="Ask this and exit; without it, a conversation.")] = None,
    *,
    model_id: Annotated[str, typer.Option("--as", help="Whose contract to keep: a model id.")] = "mimo-v2-flash",
    thinking: Annotated[bool | None, typer.Option("--thinking/--no-thinking", help="Reason first.")] = None,
    system: Annotated[str | None, typer.Option(help="System message.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    **given: Any,
) -> None:
    """Talk to a model in the terminal; its thinking is dimmed."""
    from mimo.cli.chat import Wish, talk

    wishes = {name: given.pop(name) for name in _SAMPLING if given.get(name) is not None}
    if thinking is not None:
        wishes["thinking"] = {"type": "enabled" if thinking else "disabled"}
    wish = Wish(model_id, system, message, wishes)
    asyncio.run(talk(load_settings(given, file=config), wish, Console(highlight=False)))


@app.command()
def models(
    config: Annotated[Path | None, typer.Option(help="TOML file with own models and aliases.")] = None,
) -> None:
    """Show the contract: every model, every parameter."""
    from mimo.cli.tables import models_table, parameters_table
    from mimo.config import model_rows

    rows = model_rows(load_settings({}, file=config))
    console = Console()
    console.print(models_table(rows.values()))
    console.print(parameters_table())


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def launch(
    context: typer.Context,
    engine: Annotated[str, typer.Argument(help="vllm, sglang or llama-server.")],
    model: Annotated[str, typer.Argument(help="MiMo-V2-Flash, MiMo-V2.5, MiMo-V2.6-Flash …, a hub id, or a path.")],
    gpus: Annotated[int | None, typer.Option(help="GPUs to spread over; default: the recipe's.", min=1)] = None,
    port: Annotated[int, typer.Option(help="Port of the engine.", min=1, max=65535)] = 8001,
    run: Annotated[bool, typer.Option("--run", help="Start it, and start it again when it dies.")] = False,
) -> None:
    """Print the command that starts an engine for mimo to stand before; whatever follows is added to it."""
    import shlex

    from mimo.engines.upstream.recipes import launch as made
    from mimo.serving.supervise import supervise

    found = made(engine, model, gpus=gpus, port=port, more=tuple(context.args))
    settings = [f"{name}={shlex.quote(value)}" for name, value in found.environment.items()]
    console = Console(stderr=True)
    if not run:
        print(" ".join([*settings, shlex.join(found.command)]))
        console.print(f"then: mimo serve --engine {engine} --upstream http://127.0.0.1:{port}", highlight=False)
        return
    sys.exit(asyncio.run(supervise(found.command, found.environment, lambda line: console.print(line))))


@app.callback(invoke_without_command=True)
def version(
    version: Annotated[bool, typer.Option("--version", help="Say the version and exit.", is_eager=True)] = False,
) -> None:
    """The MiMo API as software you run."""
    if version:
        print(f"mimo {__version__}")
        raise typer.Exit


def main() -> None:
    """The console script: errors a person can act on are one line, not a traceback."""
    try:
        app()
    except (StartError, ApiError) as problem:
        Console(stderr=True, highlight=False).print(f"[red]mimo:[/] {problem}", markup=True, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
