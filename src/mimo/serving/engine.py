"""From settings to a started engine and its chat format; used by every command that runs a model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import fields
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from mimo.chat.prompt import ChatFormat, chat_format, read_template, usable_format
from mimo.config import DEFAULTS, SETTINGS, ConfigError, Settings
from mimo.engines import ENGINES
from mimo.engines.base import Engine

_OF_ENGINES = ("Engine", "Model in this process", "Upstream")
"""The groups of settings that not every engine reads."""


async def _start(settings: Settings, on_progress: Callable[[float], None]) -> Engine:
    """The engine that the settings ask for, given those of them that its `Options` name."""
    read = _read_by(settings.engine)
    _refuse_unread(settings, read)
    module = import_module(ENGINES[settings.engine].module)
    started: Engine = await module.start(
        module.Options(**{name: getattr(settings, name) for name in read}), on_progress
    )
    return started


def _read_by(engine: str) -> set[str]:
    """The names of the settings that an engine reads."""
    return {row.name for row in fields(import_module(ENGINES[engine].module).Options)}


def _refuse_unread(settings: Settings, read: set[str]) -> None:
    """Raise `ConfigError` for a setting that only other engines read: `--upstream` without `--engine` must not serve
    nano. A setting with the value of its default was not given."""
    for row in SETTINGS.values():
        if (
            row.group not in _OF_ENGINES
            or row.name in read
            or getattr(settings, row.name) == getattr(DEFAULTS, row.name)
        ):
            continue
        if readers := [name for name in ENGINES if row.name in _read_by(name)]:
            raise ConfigError(
                f"{row.name}: the {settings.engine} engine does not read it; leave it out, or choose the engine with "
                f"--engine: {', '.join(readers)}"
            )


async def start_engine(settings: Settings, console: Console) -> tuple[Engine, ChatFormat]:
    """Start an engine, with a progress bar on a terminal. Raises `ConfigError` or `EngineError`."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task(
            f"Loading {Path(settings.model).name if settings.model else settings.engine}", total=1.0
        )
        engine = await _start(settings, lambda share: progress.update(bar, completed=share))
    try:
        return engine, await _chat_format(settings, engine)
    except ConfigError:
        await engine.close()
        raise


async def _chat_format(settings: Settings, engine: Engine) -> ChatFormat:
    """The operator's template, which must be usable, or the model's own."""
    if settings.chat_template is None:
        return await asyncio.to_thread(usable_format, engine.chat_template, engine.tokenizer)
    try:
        engine.chat_template = read_template(settings.chat_template)
        return await asyncio.to_thread(chat_format, engine.chat_template, engine.tokenizer)
    except ValueError as problem:
        raise ConfigError(f"chat_template: {problem}") from None
