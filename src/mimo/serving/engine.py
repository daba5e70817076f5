"""From settings to a started engine and its chat format; used by every command that runs a model."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from mimo.chat.prompt import ChatFormat, chat_format, read_template, usable_format
from mimo.config import ConfigError, Settings
from mimo.engines.base import Engine
from mimo.nano import gguf_path

_NANO_THREADS = 1  # its steps are so short that several threads would mostly wait at barriers
_NANO_SLOTS, _FILE_SLOTS, _FILE_WINDOW = 32, 4, 8192
_NANO_FULL_SLOT = 192 << 20  # bytes of one sequence of nano's whole window; memory is taken as it is used


def build_engine(settings: Settings, on_progress: Callable[[float], None] | None = None) -> Engine:
    """The engine the settings ask for, not yet started. Raises `ConfigError` or `EngineError`."""
    if settings.media and settings.engine in ("local", "scripted"):
        raise ConfigError(f"media: the {settings.engine} engine takes text only; media need an upstream engine")
    if settings.engine == "scripted":
        from mimo.engines.scripted import ScriptedEngine

        if settings.script is None:
            raise ConfigError("the scripted engine needs a script: --script FILE")
        return ScriptedEngine.from_file(settings.script)
    if settings.engine != "local":
        return _upstream_engine(settings)
    from mimo.engines.local.engine import LocalEngine
    from mimo.engines.local.model import ModelOptions

    nano = settings.model is None
    threads, long_threads = thread_counts(nano, settings.threads)
    options = ModelOptions(
        slots=settings.slots or (_nano_slots() if nano else _FILE_SLOTS),
        context_window=settings.context_window or (0 if nano else _FILE_WINDOW),
        chunk=settings.chunk,
        threads=threads,
        long_threads=long_threads,
        gpu_layers=settings.gpu_layers,
    )
    return LocalEngine(
        settings.model or gguf_path(),
        options,
        queue=settings.queue,
        batch_invariant=settings.batch_invariant,
        library=settings.llama_library,
        on_progress=on_progress,
    )


def _upstream_engine(settings: Settings) -> Engine:
    from mimo.engines.upstream import upstream_engine

    if not settings.upstream:
        raise ConfigError(f"the {settings.engine} engine needs an upstream: --upstream http://HOST:PORT")
    engine: Engine = upstream_engine(settings.engine)(
        settings.upstream,
        model=settings.upstream_model,
        tokenizer=settings.tokenizer,
        key=settings.upstream_key,
        timeout=settings.upstream_timeout,
        wait=settings.upstream_wait,
        media=settings.media,
    )
    return engine


async def start_engine(settings: Settings, console: Console) -> tuple[Engine, ChatFormat]:
    """Build and start an engine, with a progress bar on a terminal. Raises `ConfigError` or `EngineError`."""
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
        engine = build_engine(settings, lambda share: progress.update(bar, completed=share))
        await engine.start()
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


def thread_counts(nano: bool, wanted: int | None) -> tuple[int, int]:
    """(threads for a short call, for a long one): `wanted` for both, or every core but one and every core.

    llama.cpp's threads spin at barriers. On all cores they compete with the server, which costs more than the last core
    gains in calls of less than a millisecond.
    """
    if wanted is not None:
        return wanted, wanted
    return (_NANO_THREADS if nano else max(1, usable_cores() - 1)), usable_cores()


def usable_cores() -> int:
    """Processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def _nano_slots() -> int:
    """As many as benchmarks use; on a small machine as many as it could hold with every window full."""
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on every system
        return _NANO_SLOTS
    return max(2, min(_NANO_SLOTS, memory // _NANO_FULL_SLOT))
