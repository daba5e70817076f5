"""The contract as tables for a terminal of 80 columns: ids and names are never cut."""

from __future__ import annotations

from collections.abc import Collection
from textwrap import fill

from rich.table import Table
from rich.text import Text

from mimo.cli.options import bounds_text, parameter_default
from mimo.contract.models import Model
from mimo.contract.parameters import PARAMETERS
from mimo.contract.table import ParameterTable

_INDENT = "    "


def models_table(models: Collection[Model]) -> Table:
    """One row a model; token counts."""
    table = _table("model", "max output", "window", "thinks", "takes", right=(1, 2))
    for model in models:
        table.add_row(
            Text(model.id), f"{model.max_completion_tokens:,}", f"{model.context_window:,}",
            "yes" if model.thinking else "no", ", ".join(model.input),
        )  # fmt: skip
    return table


def prices_table(models: Collection[Model]) -> Table:
    """One row a price: USD per million tokens."""
    table = _table("USD per 1M tokens", "input", "cached", "output", right=(1, 2, 3))
    for model in models:
        for price in model.prices:
            name = f"  prompts above {price.above:,}" if price.above else model.id
            table.add_row(Text(name), f"{price.input:.2f}", f"{price.cached_input:.2f}", f"{price.output:.2f}")
    return table


def parameters_text(width: int, table: ParameterTable = PARAMETERS) -> Text:
    """A line with range and default for every parameter, and what it does beneath, in lines of at most `width`."""
    text = Text()
    for row in table.values():
        text.append(row.name, "bold").append(f"  {bounds_text(row)}; default: {parameter_default(row)}\n")
        text.append(fill(row.description, width, initial_indent=_INDENT, subsequent_indent=_INDENT)).append("\n")
    return text


def _table(*headings: str, right: Collection[int]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place in right else "left", overflow="fold")
    return table
