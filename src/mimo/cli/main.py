"""The command line: the table of commands, `mimo --version`, and errors as one line.

The commands are in files of their own; what they need to run is imported when they run, so that `--help` is quick.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Annotated

import typer

from mimo import __version__
from mimo.cli.chat.command import chat
from mimo.cli.config import config
from mimo.cli.doctor import doctor
from mimo.cli.keys import app as keys
from mimo.cli.launch import launch
from mimo.cli.models import models
from mimo.cli.options import GroupedCommand
from mimo.cli.run import run
from mimo.cli.serve import serve
from mimo.cli.usage import usage
from mimo.contract.errors import ApiError, StartError, shown
from mimo.serving.console import say_error
from mimo.serving.loop import leave

app = typer.Typer(
    name="mimo",
    help="The MiMo API as software you run.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (serve, chat, run, models, usage, config, doctor):
    app.command(cls=GroupedCommand)(command)
app.command(cls=GroupedCommand, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(launch)


app.add_typer(keys)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Say the version and exit.", is_eager=True)] = False,
) -> None:
    """The MiMo API as software you run."""
    if version:
        print(f"mimo {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


def main() -> None:
    """The console script: errors a person can act on are one line, not a traceback."""
    if os.name != "posix":
        say_error("mimo runs on Linux and macOS, not on this system; on Windows use WSL or the container image")
        sys.exit(1)
    leave(_status())


def _status() -> int:
    """Run the command, and give the status to exit with."""
    try:
        return app(prog_name="mimo", standalone_mode=False) or 0
    except (StartError, ApiError) as problem:
        say_error(str(problem))
        return 1
    except typer.TyperException as problem:
        say_error(_usage_error(problem))
        return problem.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except OSError as problem:
        if problem.errno != errno.ENOSPC:
            raise
        say_error("cannot write what it has to say: no space left on the device")
        return 1


_WORDS = {
    "int": "must be a whole number, got {input}",
    "float": "must be a number, got {input}",
    "greater_than_equal": "must be {ge} or more, got {input}",
    "less_than_equal": "must be {le} or less, got {input}",
}
"""What Typer's checker found, by the beginning of its name for it, in words that name what came."""


def _usage_error(problem: typer.TyperException) -> str:
    """What was wrong with the command line, and which help says more."""
    context = getattr(problem, "ctx", None)
    path = context.command_path if context is not None else "mimo"
    words = problem.format_message().rstrip(".").replace("Value error, ", "")
    for wrong in getattr(problem.__cause__, "errors", list)()[:1]:
        said = next((words for kind, words in _WORDS.items() if wrong["type"].startswith(kind)), wrong["msg"])
        words = words.replace(wrong["msg"], said.format(**wrong.get("ctx", {}), input=shown(wrong["input"])))
    return f"{words[:1].lower()}{words[1:]}; see {path} --help"
