"""From settings to a started engine and its chat format; used by every command that runs a model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from mimo.chat.prompt import ChatFormat, chat_format, read_template, usable_format
from mimo.config import ConfigError, Settings
from mimo.config.unread import read_by, unread
from mimo.engines import ENGINES
from mimo.engines.base import Engine


async def _start(settings: Settings, on_progress: Callable[[float], None]) -> Engine:
    """The engine that the settings ask for, given those of them that its `Options` name."""
    for _, words in unread(settings):
        raise ConfigError(words)
    module = import_module(ENGINES[settings.engine].module)
    options = module.Options(**{name: getattr(settings, name) for name in read_by(settings.engine)})
    started: Engine = await module.start(options, on_progress)
    return started


async def start_engine(settings: Settings, console: Console) -> tuple[Engine, ChatFormat]:
    """Start an engine, with a progress bar on a terminal for what is loaded here: what an upstream is waited for is in
    the log. Raises `ConfigError` or `EngineError`."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TimeElapsedColumn(),
    )
    shown = console.is_terminal and not ENGINES[settings.engine].route
    with Progress(*columns, console=console, transient=True, disable=not shown) as progress:
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
