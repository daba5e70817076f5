"""The contract as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from mimo.contract.models import Model
from mimo.contract.parameters import PARAMETERS, Parameter


def models_table(models: Iterable[Model]) -> Table:
    """One row a model."""
    table = Table(title="Models", title_justify="left")
    for heading in (
        "model",
        "longest output",
        "context window",
        "input",
        "thinks unless asked",
        "USD per 1M: in / cached / out",
    ):
        table.add_column(heading, justify="right" if heading in ("longest output", "context window") else "left")
    for model in models:
        prices = "\n".join(
            f"{price.input:.2f} / {price.cached_input:.2f} / {price.output:.2f}"
            + (f" above {price.above:,}" if price.above else "")
            for price in model.prices
        )
        table.add_row(
            model.id, f"{model.max_completion_tokens:,}", f"{model.context_window:,}", ", ".join(model.input),
            "yes" if model.thinking else "no", prices,
        )  # fmt: skip
    return table


def parameters_table() -> Table:
    """One row a parameter."""
    table = Table(title="Parameters", title_justify="left")
    for heading in ("parameter", "range", "default", "what it does"):
        table.add_column(heading)
    for row in PARAMETERS.values():
        table.add_row(row.name, _range(row), _default(row), row.description)
    return table


def _range(row: Parameter) -> str:
    if row.minimum is None:
        return row.type
    if row.maximum is None:
        return f"{row.minimum:g} to the model's longest output"
    return f"{row.minimum:g} to {'2^63-1' if row.maximum > 1e18 else format(row.maximum, 'g')}"


def _default(row: Parameter) -> str:
    return (
        "none"
        if row.default is None
        else str(row.default).lower()
        if isinstance(row.default, bool)
        else str(row.default)
    )
