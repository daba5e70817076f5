"""Settings that the chosen engine does not read: refused, since `--upstream` without `--engine` must not serve nano."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module

from mimo.config.settings import DEFAULTS, SETTINGS, Settings
from mimo.engines import ENGINES

_OF_ENGINES = ("Engine", "Model in this process", "Upstream")
"""The groups of settings that not every engine reads."""


def read_by(engine: str) -> set[str]:
    """The names of the settings that an engine reads."""
    return {row.name for row in fields(import_module(ENGINES[engine].module).Options)}


def unread(settings: Settings) -> Iterator[tuple[str, str]]:
    """The settings that only other engines read, each with what to do. One with the value of its default was not
    given."""
    read = read_by(settings.engine)
    for row in SETTINGS.values():
        if (
            row.group not in _OF_ENGINES
            or row.name in read
            or getattr(settings, row.name) == getattr(DEFAULTS, row.name)
        ):
            continue
        if readers := [name for name in ENGINES if row.name in read_by(name)]:
            choose = f"leave it out, or choose the engine with --engine: {', '.join(readers)}"
            yield row.name, f"{row.name}: the {settings.engine} engine does not read it; {choose}"
