"""The settings file: where it lies, its values, and the line in which each of them stands.

TOML, read by Python's own parser. Knows no setting.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mimo.config.settings import ConfigError
from mimo.folders import config_folder

VARIABLE = "MIMO_CONFIG"
"""The environment variable that names the settings file."""
Place = tuple[str | int, ...]
"""The way to a value: names of tables and keys, and indices of lists."""
_LARGEST = 2**20
"""Bytes."""
_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A file that has been read."""

    path: Path
    text: str
    values: Mapping[str, Any]

    def line(self, place: Place) -> int:
        """The line on which the statement begins that gives the value at `place`, or the last table on the way to it;
        1 where there is none."""
        lines = self.text.split("\n")
        ends = _ends(lines)
        for depth in range(len(place), 0, -1):
            first = bisect_left(
                ends, True, key=lambda end: _has(loads("\n".join(lines[:end])), place[:depth])
            )  # a value once there stays there
            if first < len(ends):
                return (ends[first - 1] if first else 0) + 1
        return 1


def default_path(environment: Mapping[str, str]) -> Path:
    """Where the settings file lies if nobody says otherwise."""
    return config_folder(environment) / "config.toml"


def find(file: Path | None, environment: Mapping[str, str]) -> SettingsFile | None:
    """The settings file: `file`, else the one that `MIMO_CONFIG` names, else the one at the default path, if there is
    one. Raises `ConfigError`."""
    if file is None and (named := environment.get(VARIABLE)):
        file = Path(named).expanduser()
    if file is not None:
        return read(file)
    usual = default_path(environment)
    return read(usual) if environment and usual.is_file() else None


def read(file: Path) -> SettingsFile:
    """Read `file`. Raises `ConfigError`."""
    text = text_of(file)
    try:
        return SettingsFile(file, text, loads(text))
    except ValueError as problem:
        raise ConfigError(f"config file {file}: {problem}") from None


def text_of(file: Path) -> str:
    """What is in `file`. Raises `ConfigError`."""
    try:
        with file.open("rb") as opened:
            content = opened.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise ConfigError(f"config file {file}: more than {_LARGEST} bytes, which is no settings file")
        return content.decode("utf-8-sig")
    except (OSError, ValueError) as problem:
        raise ConfigError(f"config file {file}: {getattr(problem, 'strerror', None) or problem}") from None


def statements(text: str) -> tuple[str, list[tuple[int, str]]]:
    """`text` with every line left empty that is no TOML, and those lines: number and what is wrong."""
    wrong: list[tuple[int, str]] = []
    lines = text.split("\n")
    while True:
        try:
            loads("\n".join(lines))
        except ValueError as problem:
            found = _LINE.search(str(problem))
            words = _LINE.sub("", str(problem))
            number = int(found[1]) if found and found[1] else len(lines)
            wrong.append((number, words))
            if not (found and found[1]) or not lines[number - 1]:  # nothing can be left out that would mend it
                return "", wrong
            lines[number - 1] = ""
        else:
            return "\n".join(lines), wrong


def loads(text: str) -> dict[str, Any]:
    """Parse TOML. Raises `ValueError`, also for what is nested too deeply."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _ends(lines: Sequence[str]) -> list[int]:
    """How many lines there are up to the end of each statement, empty lines and comments among them."""
    ends, begin = [], 0
    for end in range(1, len(lines) + 1):
        try:
            loads("\n".join(lines[begin:end]))
        except ValueError:
            continue
        ends.append(end)
        begin = end
    return ends


def _has(values: Any, place: Place) -> bool:
    for step in place:
        try:
            values = values[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True
