"""From the settings of the command line to a started local engine: which model, how many slots and how many threads."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mimo.engines.local.engine import LocalEngine, start_local
from mimo.engines.local.media import find_towers
from mimo.engines.local.model.memory import usable_memory
from mimo.engines.local.model.options import ModelOptions
from mimo.engines.local.policies import BatchInvariant
from mimo.nano import gguf_path

_NANO_THREADS = 1
"""Its steps are so short that threads would mostly wait for each other."""
_NANO_SLOTS, _FILE_SLOTS, _FILE_WINDOW = 32, 4, 8192
_NANO_FULL_SLOT = 192 << 20
"""Bytes of one sequence of nano's whole window; memory is taken as it is used."""


@dataclass(frozen=True, slots=True)
class Options:
    """The settings that the local engine reads, by their names on the command line."""

    model: Path | None = None
    slots: int | None = None
    context_window: int | None = None
    chunk: int = 64
    queue: int = 256
    prompt_cache: int | None = None
    threads: int | None = None
    gpu_layers: int = -1
    llama_library: Path | None = None
    mmproj: str | None = None
    batch_invariant: BatchInvariant = "seeded"
    draft: str = "forced"


async def start(options: Options, on_progress: Callable[[float], None] | None = None) -> LocalEngine:
    """Load the model of `options`; without one it is nano. Raises `EngineError`."""
    nano = options.model is None
    threads, long_threads = thread_counts(nano, options.threads)
    return await start_local(
        options.model or gguf_path(),
        ModelOptions(
            slots=options.slots or (_nano_slots() if nano else _FILE_SLOTS),
            context_window=options.context_window or 0,
            default_window=0 if nano else _FILE_WINDOW,
            chunk=options.chunk,
            threads=threads,
            long_threads=long_threads,
            gpu_layers=options.gpu_layers,
            draft=options.draft,
            prompt_cache=None if options.prompt_cache is None else options.prompt_cache << 20,
        ),
        queue=options.queue,
        batch_invariant=options.batch_invariant,
        library=options.llama_library,
        towers=_towers(options),
        on_progress=on_progress,
    )


def _towers(options: Options) -> Path | None:
    """The file of towers: the one that is named, else the one next to the model; nano has one."""
    if options.mmproj is not None:
        return Path(options.mmproj).expanduser() if options.mmproj != "none" else None
    return find_towers(options.model or gguf_path())


def thread_counts(nano: bool, wanted: int | None) -> tuple[int, int]:
    """(threads for a short call, for a long one): `wanted`, or one a core less one, and one a core.

    llama.cpp's threads spin at barriers. On all cores they compete with the server, which costs more than the last core
    gains in calls of less than a millisecond.
    """
    if wanted is not None:
        return wanted, wanted
    return (_NANO_THREADS if nano else max(1, usable_cores() - 1)), usable_cores()


def usable_cores() -> int:
    """Processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def _nano_slots() -> int:
    """As many as benchmarks use; on a small machine as many as it could hold with every window full and some room."""
    if not (memory := usable_memory()):
        return _NANO_SLOTS
    return max(2, min(_NANO_SLOTS, memory // _NANO_FULL_SLOT - 1))
