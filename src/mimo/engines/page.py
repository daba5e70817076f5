"""docs/engines.md: its tables printed from the tables in the code, by `python -m mimo.engines.page FILE`.

The prose around them is the file's own; what stands between `<!-- NAME -->` and `<!-- /NAME -->` is made here.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from mimo.engines import ENGINES
from mimo.engines.upstream.chat_table import CHAT_TABLE
from mimo.engines.upstream.columns import Cell, Table
from mimo.engines.upstream.recipes import RECIPES
from mimo.engines.upstream.table import ENGINES as UPSTREAM
from mimo.engines.upstream.table import TABLE


def engines() -> str:
    """The engines there are."""
    rows = [f"| `{name}` | {row.summary} | {row.route} |" for name, row in ENGINES.items()]
    return "\n".join(["| engine | what it is | spoken to by |", "|---|---|---|", *rows])


def parameters() -> str:
    """Parameter × engine."""
    return _cells(TABLE)


def media() -> str:
    """The same for requests that hold media, where anything differs."""

    def said(cells: Mapping[str, Cell]) -> list[tuple[str, str]]:
        return [(cells[engine].kind, cells[engine].how) for engine in UPSTREAM]

    return _cells(
        {name: row for name, row in CHAT_TABLE.items() if name not in TABLE or said(row) != said(TABLE[name])}
    )


def _cells(table: Table) -> str:
    lines = [f"| parameter | {' | '.join(UPSTREAM)} |", "|---" * (len(UPSTREAM) + 1) + "|"]
    for name, cells in table.items():
        row = [f"**{cell.kind}**{f': {cell.how}' if cell.how else ''}" for cell in map(cells.__getitem__, UPSTREAM)]
        lines.append(f"| {name} | {' | '.join(text.replace('|', chr(92) + '|') for text in row)} |")
    return "\n".join(lines)


def launches() -> str:
    """What `mimo launch` knows."""
    lines = ["| engine | weights | GPUs | said by |", "|---|---|---|---|"]
    lines += [f"| {row.engine} | {row.model} | {row.gpus or 'any'} | {row.source} |" for row in RECIPES]
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
