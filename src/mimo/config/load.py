"""From flags, environment and file to `Settings`: the flag wins over the variable, the variable over the file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from mimo.config.file import SettingsFile, find
from mimo.config.models import own_models
from mimo.config.settings import SETTINGS, ConfigError, Setting, Settings, number_text
from mimo.contract.errors import shown


def load_settings(
    flags: Mapping[str, object], *, file: Path | None = None, environment: Mapping[str, str] = os.environ
) -> Settings:
    """Merge the three sources. Flags that are None were not given; `file` None: the one at the usual place, if there is
    one. Raises `ConfigError`."""
    found = find(file, environment)
    values = {} if found is None else _of_file(found)
    for row in SETTINGS.values():
        if row.flag and environment.get(row.variable):
            values[row.name] = _of(row.variable, row, environment[row.variable])
        if flags.get(row.name) is not None:
            values[row.name] = _of(row.option, row, flags[row.name])
    return Settings(**values)


def unknown(name: str) -> str:
    """What is wrong with a key that is no setting."""
    close = get_close_matches(name, SETTINGS, 1)
    meant = f"did you mean {close[0]}?" if close else "mimo config --example shows those there are"
    return f"unknown setting {name}; {meant}"


def convert(row: Setting, value: object) -> Any:
    """`value` as the type of the setting. Raises `ConfigError` without saying where it came from."""
    if isinstance(value, Path):
        return value
    if row.is_list and isinstance(value, str):
        value = _items(row, value)
    for item in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(item, str) and not item.strip():
            raise ConfigError(f"{row.name} must not be blank; leave it out for its default")
        if isinstance(item, str) and not item.isprintable():
            raise ConfigError(f"{row.name} must be printable characters, got {item[:80]!r}")
        if row.choices and item not in row.choices:
            raise ConfigError(f"{row.name} must be one of {', '.join(row.choices)}, got {item}")
    try:
        made = msgspec.convert(value, get_type_hints(Settings)[row.name], strict=False, dec_hook=_hook)
    except (msgspec.ValidationError, ValueError):
        raise ConfigError(f"{row.name} must be {_wanted(row)}, got {_got(value)}") from None
    if row.bounds and not row.bounds[0] <= made <= row.bounds[1]:
        raise ConfigError(f"{row.name} must be {_between(row)}, got {_got(made)}")
    return made


def _of_file(file: SettingsFile) -> dict[str, Any]:
    values = {}
    for name, value in file.values.items():
        if name not in SETTINGS:
            raise ConfigError(f"{file.path}, line {file.line((name,))}: {unknown(name)}")
        try:
            values[name] = convert(SETTINGS[name], value)
        except ConfigError as problem:
            raise ConfigError(f"{file.path}, line {file.line((name,))}: {problem}") from None
    for wrong in own_models(Settings(**{name: values[name] for name in ("models", "aliases") if name in values}))[1]:
        raise ConfigError(f"{file.path}, line {file.line(wrong.place)}: {wrong.words}")
    return values


def _of(origin: str, row: Setting, value: object) -> Any:
    try:
        return convert(row, value)
    except ConfigError as problem:
        raise ConfigError(f"{origin}: {problem}") from None


def _hook(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value).expanduser()
    raise ValueError("not a path")  # said in other words by who asked


_KINDS = {int: "a whole number", float: "a number", bool: "true or false", Path: "a path", str: "text"}
_TABLES = {"models": "tables, each begun by [[models]]", "aliases": 'a table, begun by [aliases], of "name" = "model"'}


def _wanted(row: Setting) -> str:
    """What a setting may be, in words."""
    if row.name in _TABLES:
        return _TABLES[row.name]
    kind = f"a list of {'paths' if row.kind is Path else 'texts'}" if row.is_list else _KINDS[row.kind]
    return f"{kind} {_between(row)}" if row.bounds else kind


def _between(row: Setting) -> str:
    assert row.bounds is not None
    return f"between {number_text(row.bounds[0])} and {number_text(row.bounds[1])}"


def _got(value: object) -> str:
    return str(value) if isinstance(value, int | float) else shown(value)


def _items(row: Setting, text: str) -> tuple[str, ...]:
    """The items of a comma-separated list. Raises `ConfigError` where there are none, which nobody means."""
    items = tuple(part.strip() for part in text.split(",") if part.strip())
    if not items:
        raise ConfigError(f"{row.name} must name at least one, comma-separated, got {text!r}; or leave it out")
    return () if row.choices and items == ("none",) else items
