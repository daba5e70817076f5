"""Every mistake of a settings file at once, each with its line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mimo.config.file import SettingsFile, loads, statements, text_of
from mimo.config.load import convert, unknown
from mimo.config.models import Mistake, own_models
from mimo.config.settings import SETTINGS, ConfigError, Settings
from mimo.config.unread import unread


def mistakes(file: Path) -> list[tuple[int, str]]:
    """Line and words of everything for which a server would refuse `file`, in the order of the lines. A line that is no
    TOML is left out, and the rest is checked. Raises `ConfigError` for a file that cannot be read."""
    text, found = statements(text_of(file))
    read = SettingsFile(file, text, loads(text))
    found += [(read.line(wrong.place), wrong.words) for wrong in _wrong(read)]
    return sorted(found)


def _wrong(file: SettingsFile) -> Iterator[Mistake]:
    values: dict[str, Any] = {}
    for name, value in file.values.items():
        try:
            if name not in SETTINGS:
                raise ConfigError(unknown(name))
            values[name] = convert(SETTINGS[name], value)
        except ConfigError as problem:
            yield Mistake((name,), str(problem))
    settings = Settings(**values)
    yield from own_models(settings)[1]
    if "engine" in values or "engine" not in file.values:  # else it is not known which settings are read
        yield from (Mistake((name,), words) for name, words in unread(settings))
