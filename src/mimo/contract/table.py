"""A table of parameters as a value: its rows by name, and what a request without any of them gets.

A model holds one (`Model.table`); another table is these rows with some of them changed. Knows no parameter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from mimo.contract.rows import Named, Parameter


class ParameterTable(Mapping[str, Parameter]):
    """Rows by name, in their order; equal to itself alone. What every request needs of them is worked out once.

    `shapes`: JSON Schema of the rows that have one, {} for the others. `defaults`: the value of each field that a row
    fills, by owner ("" for `Params`, "sampling") and field. `places`: (owner, field) by row. `absent`: what each row
    means where it is not given.
    """

    def __init__(self, rows: Iterable[Parameter]) -> None:
        self._rows = {row.name: row for row in rows}
        self.shapes: Mapping[str, Mapping[str, object]] = {row.name: row.shape or {} for row in self._rows.values()}
        self.absent: Mapping[str, object] = {row.name: row.without for row in self._rows.values()}
        self.places: dict[str, tuple[str, str]] = {}
        self.defaults: dict[str, dict[str, object]] = {}
        for row in self._rows.values():
            if row.field:
                owner, _, field = row.field.rpartition(".")
                self.places[row.name] = owner, field
                self.defaults.setdefault(owner, {})[field] = row.without

    def __getitem__(self, name: str) -> Parameter:
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def of(self, model: Named) -> ParameterTable:
        """These rows with the model's own bounds and defaults."""
        return ParameterTable(row.of(model) for row in self.values())

    def with_rows(self, *rows: Parameter) -> ParameterTable:
        """These rows and `rows`, which replace those of the same name."""
        return ParameterTable({**self._rows, **{row.name: row for row in rows}}.values())
