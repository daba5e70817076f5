"""Prints the tables of docs/engines.md from those in the code: `python docs/print_tables.py docs/engines.md`.

The prose around them is the file's own; what stands between `<!-- NAME -->` and `<!-- /NAME -->` is made here.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from mimo.contract.parameters import PARAMETERS
from mimo.engines import ENGINES, UPSTREAM
from mimo.engines.upstream.columns import Cell, Column
from mimo.engines.upstream.recipes import recipes

MEDIA = ("image", "audio", "video", "fps", "media_resolution")
"""Rows that are no parameters but parts of a message."""


def parameter_rows() -> list[str]:
    """The parameters of the contract in their order, and what else an engine gets."""
    rows = ["messages", *PARAMETERS, "what the contract lacks", "end of turn"]
    rows.insert(rows.index("thinking") + 1, "thinking.budget_tokens")
    return rows


def columns(name: str) -> Mapping[str, Column[Any, Any]]:
    """Engine → its column called `name`: COLUMN, or MEDIA_COLUMN for requests that hold media."""
    return {engine: getattr(import_module(f"{ENGINES[engine].package}.column"), name) for engine in UPSTREAM}


def engines() -> str:
    """The engines there are."""
    rows = [f"| `{name}` | {row.summary} | {row.route} |" for name, row in ENGINES.items()]
    return "\n".join(["| engine | what it is | spoken to by |", "|---|---|---|", *rows])


def parameters() -> str:
    """Parameter × engine."""
    return _cells(parameter_rows(), columns("COLUMN"))


def media() -> str:
    """The same for requests that hold media, where anything differs."""
    plain, media = columns("COLUMN"), columns("MEDIA_COLUMN")
    rows = [
        row for row in parameter_rows() if any(_said(plain[name][row]) != _said(media[name][row]) for name in plain)
    ]
    return _cells(["messages", *MEDIA, *rows[1:]], media)


def _said(cell: Cell[Any, Any]) -> str:
    return f"**{cell.kind}**{f': {cell.how}' if cell.how else ''}".replace("|", "\\|")


def _cells(rows: list[str], by_engine: Mapping[str, Column[Any, Any]]) -> str:
    lines = [f"| parameter | {' | '.join(by_engine)} |", "|---" * (len(by_engine) + 1) + "|"]
    lines += [f"| {row} | {' | '.join(_said(column[row]) for column in by_engine.values())} |" for row in rows]
    return "\n".join(lines)


def launches() -> str:
    """What `mimo launch` knows."""
    lines = ["| engine | weights | GPUs | said by |", "|---|---|---|---|"]
    for engine in (name for name, row in ENGINES.items() if row.launched):
        lines += [f"| {row.engine} | {row.model} | {row.gpus or 'any'} | {row.source} |" for row in recipes(engine)]
    return "\n".join(lines)


_PARTS: Mapping[str, Callable[[], str]] = {
    "engines": engines,
    "parameters": parameters,
    "media": media,
    "launches": launches,
}


def current(text: str) -> str:
    """`text` with every part as it is now. Raises ValueError for a part that is missing."""
    for name, part in _PARTS.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"the page has no place for {name}")
        made = part()
        text = pattern.sub(lambda match, made=made: f"{match[1]}{made}\n{match[2]}", text)  # type: ignore[misc]
    return text


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(current(file.read_text()))
