"""Options of the command line, made from the tables: `SETTINGS` for a server, `PARAMETERS` for sampling.

A row gives the flag, the type, the help text with bounds and default, and the group it is shown in. Knows no command.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from mimo.config import SETTINGS, Setting, default_text, number_text
from mimo.contract.parameters import PARAMETERS
from mimo.contract.rows import OfModel, Parameter
from mimo.contract.table import ParameterTable

SAMPLING = tuple(name for name, row in PARAMETERS.items() if row.flag)
"""The parameters that a conversation in the terminal can be given."""

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="PATH",
        help="TOML file with any of the settings of mimo serve; MIMO_CONFIG names one too. "
        "[default: ~/.config/mimo/config.toml, where there is one]",
    ),
]
_METAVARS = {int: "INT", float: "NUMBER", Path: "PATH", str: "TEXT"}


class GroupedCommand(TyperCommand):
    """A command whose help shows its options under headings, the names on the left and whole sentences on the right."""

    def get_short_help_str(self, limit: int = 45) -> str:
        """The first sentence, whole: it is wrapped, not cut."""
        return super().get_short_help_str(limit=400)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments first, then the options group by group, in the order in which they were declared."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if (record := parameter.get_help_record(ctx)) is not None:
                plain = "Arguments" if parameter.param_type_name == "argument" else "Other options"
                groups.setdefault(getattr(parameter, "rich_help_panel", None) or plain, []).append(record)
        for name in sorted(groups, key=lambda name: (name != "Arguments", name == "Other options")):
            with formatter.section(name):
                formatter.write_dl(groups[name], col_max=25)


def setting_options(leave_out: Collection[str] = ()) -> list[inspect.Parameter]:
    """An option for every setting that has a flag, but for those named."""
    return [_setting_option(row) for row in SETTINGS.values() if row.flag and row.name not in leave_out]


def parameter_options(table: ParameterTable = PARAMETERS) -> list[inspect.Parameter]:
    """An option for every parameter that has a flag."""
    return [_parameter_option(row) for row in table.values() if row.flag]


def with_options(*options: inspect.Parameter) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command that takes `**given` these options, in the form Typer reads."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [
            parameter
            for parameter in inspect.signature(command, eval_str=True).parameters.values()
            if parameter.kind is not inspect.Parameter.VAR_KEYWORD
        ]
        command.__signature__ = inspect.Signature([*own, *options])  # type: ignore[attr-defined]  # of functions, not of every callable
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *options]}
        return command

    return decorate


def bounds_text(row: Parameter) -> str:
    """The values a parameter may have, as a person reads them."""
    if row.minimum is None or row.maximum is None:
        return row.type
    largest = str(row.maximum) if isinstance(row.maximum, OfModel) else number_text(row.maximum)
    return f"{number_text(row.minimum)} to {largest}"


def parameter_default(row: Parameter) -> str:
    """What an absent parameter means."""
    if isinstance(row.default, bool):
        return str(row.default).lower()
    return "none" if row.default is None else str(row.default)


def _setting_option(row: Setting) -> inspect.Parameter:
    kind: Any = Literal[row.choices] if row.choices and not row.is_list else str if row.is_list else row.kind
    metavar = "LIST" if row.is_list else "NAME" if row.choices else _METAVARS.get(row.kind)
    bounds = f"{number_text(row.bounds[0])} to {number_text(row.bounds[1])}; " if row.bounds else ""
    choices = f"of {', '.join(row.choices)}; " if row.is_list and row.choices else ""
    help = f"{row.help} [{choices}{bounds}default: {default_text(row)}]"
    spelling = f"{row.option}/--no-{row.option[2:]}" if row.kind is bool else row.option
    return _option(row.name, kind, help, spelling, row.group, metavar)


def _parameter_option(row: Parameter) -> inspect.Parameter:
    kind: Any = list[str] if row.repeats else {"number": float, "integer": int, "boolean": bool}.get(row.type, str)
    bounds = f"may be given up to {row.repeats} times" if row.repeats else bounds_text(row)
    help = f"{row.description} [{bounds}; default: {parameter_default(row)}]"
    spelling = f"--{row.name.replace('_', '-')}"
    return _option(row.name, kind, help, spelling, "Sampling", _METAVARS.get(kind, "TEXT"))


def _option(name: str, kind: Any, help: str, spelling: str, group: str, metavar: str | None) -> inspect.Parameter:
    option = typer.Option(spelling, help=help, show_default=False, rich_help_panel=group, metavar=metavar)
    annotation = Annotated[kind | None, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
