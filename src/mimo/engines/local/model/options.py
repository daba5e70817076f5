"""How a model is kept in memory, and what is seen of its calls. Values alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

FORCED = "forced"
"""The guesses that are made without being asked for."""
MOST_TOKENS = 512
"""Tokens of the largest call: more of a prompt at once gains nothing."""


class DecodeCall(NamedTuple):
    """One call of llama.cpp: the sequence of every row, whether it was a step (one row a sequence) or a prompt's chunk,
    the threads that computed it, and the seconds it took."""

    slots: tuple[int, ...]
    step: bool
    threads: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """How a model is kept in memory.

    `slots`: sequences at once (at least 2). `context_window`: tokens of each sequence, refused above the model's own;
    0 for the model's own, and then at most `default_window`, where that is not 0.
    `chunk`: prompt tokens a decode call; with batch invariance also the grain of prefix reuse.
    `gpu_layers` −1: all that fit, on a GPU build.
    `threads` at most compute a short call, and `long_threads`, where there are more, one of more than `calls.LONG`
    seconds; as many of them as gain by it (`threads.py`). Without `long_threads`, always `threads`.
    `draft`: who guesses tokens ahead, a name of `drafts.DRAFTS`.
    `any_rows`: use no kernel whose result depends on how many rows a call has, one row apart.
    `memory_limit`: bytes it may take with every window full; None: what the machine has.
    `prompt_cache`: bytes for prompts that no slot has any more; None: as `memory.cache_limit` finds right.
    `rest_seconds`: after so long without work memory is given back.
    `observer` sees every call of llama.cpp, in the scheduler's thread; `clock` (seconds of
    processor time of the calling thread) says which are long: on a busy machine the time on the wall is mostly that of
    others. `wall` (seconds) says what another thread gains.
    """

    slots: int = 8
    context_window: int = 0
    default_window: int = 0
    chunk: int = 64
    threads: int = 1
    long_threads: int = 0
    gpu_layers: int = -1
    f32_cache: bool = False
    any_rows: bool = False
    draft: str = FORCED
    memory_limit: int | None = None
    prompt_cache: int | None = None
    rest_seconds: float = 10.0
    observer: Callable[[DecodeCall], None] | None = None
    clock: Callable[[], float] = time.thread_time
    wall: Callable[[], float] = time.perf_counter
