"""A settings file that holds every setting: its meaning, its default, and a line to uncomment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import wrap
from typing import Any

from mimo.config.settings import DEFAULTS, SETTINGS, Setting, default_text, number_text

_WIDTH = 100
_HEAD = """# Settings of mimo. To set one, take the "# " away before its name and change its value.
# A flag of the command line wins over an environment variable, and that over this file."""
_OF_KIND: Mapping[type, Any] = {int: 1, float: 1.0, bool: True, str: "…", Path: "/path/to/it"}


def example() -> str:
    """The file as text."""
    lines = [_HEAD]
    group = ""
    for row in sorted(SETTINGS.values(), key=lambda row: not row.flag):  # tables end the top level: last
        if row.group != group:
            group = row.group
            lines += ["", f"## {group}"]
        lines += ["", *_lines(row)]
    return "\n".join(lines) + "\n"


def toml(value: Any) -> str:
    """A value as TOML. Knows what settings hold: texts, numbers, booleans, paths and lists of them."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, Path):
        return toml(str(value))
    return json.dumps(value, ensure_ascii=False)


def _lines(row: Setting) -> Iterator[str]:
    bounds = f"{number_text(row.bounds[0])} to {number_text(row.bounds[1])}; " if row.bounds else ""
    choices = f"of {', '.join(row.choices)}; " if row.choices else ""
    for line in wrap(f"{row.help} [{choices}{bounds}default: {default_text(row)}]", _WIDTH - 2):
        yield f"# {line}"
    value = getattr(DEFAULTS, row.name)
    if value in (None, (), {}):
        value = row.example if row.example is not None else _made_up(row)
    if row.flag:
        yield f"# {row.name} = {toml(value)}"
        return
    for one in value if row.is_list else [value]:
        yield f"# [[{row.name}]]" if row.is_list else f"# [{row.name}]"
        for name, part in one.items():
            yield f"# {toml(name) if '-' in name else name} = {toml(part)}"


def _made_up(row: Setting) -> Any:
    """A value of the right kind for a setting without a default or an example."""
    value = row.choices[0] if row.choices else row.bounds[0] if row.bounds else _OF_KIND[row.kind]
    return [value] if row.is_list else value
