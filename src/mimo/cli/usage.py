"""`mimo usage`: what was used and what it cost, by day, key, account or model."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.bar import Bar
from rich.console import Console
from rich.table import Table

from mimo.cli.options import ConfigFile, with_options
from mimo.cli.store import WHERE, store_of
from mimo.config import Settings, load_settings

if TYPE_CHECKING:
    from mimo.accounts.store.ledger import Sum

_BAR = 30


@with_options(*WHERE)
def usage(
    *,
    by: Annotated[str, typer.Option(metavar="day|key|account|model", help="What to sum by.")] = "day",
    since: Annotated[
        str | None, typer.Option(metavar="DAY", help="From this day or time on, UTC. [default: the beginning]")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DAY", help="Before this day or time, UTC. [default: now]")
    ] = None,
    csv_: Annotated[bool, typer.Option("--csv", help="Print CSV. [default: off]")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON. [default: off]")] = False,
    config: ConfigFile = None,
    **given: Any,
) -> None:
    """Show what was used and what it cost."""
    show_usage(load_settings(given, file=config), by, since, until, form="csv" if csv_ else "json" if json_ else "")


def show_usage(
    settings: Settings,
    by: str,
    since: str | None = None,
    until: str | None = None,
    *,
    key: str | None = None,
    form: str = "",
) -> None:
    """Print sums: as a table with bars, or as `csv` or `json`. Raises `KeyProblem`, `StoreProblem`."""
    from mimo.accounts.ask import NOTHING, describe_sum, used

    rows = used(store_of(settings), by, since, until, key)
    described = [describe_sum(by, row) for row in rows]
    if form == "json":
        print(json.dumps(described, indent=2))
    elif form == "csv":
        writer = csv.DictWriter(sys.stdout, list(describe_sum(by, NOTHING)), lineterminator="\n")
        writer.writeheader()
        writer.writerows({**one, by: _no_formula(str(one[by]))} for one in described)
    else:
        Console(highlight=False, markup=False).print(_table(by, rows))


def _no_formula(name: str) -> str:
    """A name that a spreadsheet takes for text, whatever it begins with."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@")) else name


def _table(by: str, rows: Sequence[Sum]) -> Table:
    """One line a row, the cost as a bar; tokens where nothing costs."""
    from mimo.accounts.prices import dollars

    table = Table(by, "requests", "prompt", "cached", "completion", "USD", "", box=None, padding=(0, 2, 0, 0))
    sizes = [row.cost or 0 for row in rows]
    if not any(sizes):
        sizes = [row.prompt_tokens + row.completion_tokens for row in rows]
    for row, size in zip(rows, sizes, strict=True):
        counts = (row.requests, row.prompt_tokens, row.cached_tokens, row.completion_tokens)
        bar = Bar(max([1, *sizes]), 0, size, width=_BAR)
        table.add_row(row.name, *(f"{count:,}" for count in counts), dollars(row.cost), bar)
    for column in table.columns[1:6]:
        column.justify = "right"
    return table
