"""What a model takes of the machine's memory, whether that is there, and what would fit where it is not.

The KV cache is counted in full: its pages become resident as tokens fill them, and one day they do. Knows no llama.cpp.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mimo.contract.errors import EngineError

_CGROUPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_MOST_CACHE = 1 << 30
_LEAST_SLOTS, _LEAST_WINDOW, _STEP = 2, 256, 256


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes: of the `weights`, of one `slot` with its window full, and to `compute` in. `window` in tokens."""

    weights: int
    slot: int
    slots: int
    window: int
    compute: int

    @property
    def cache(self) -> int:
        """Bytes of every slot's window."""
        return self.slot * self.slots

    @property
    def total(self) -> int:
        """Bytes with every window full."""
        return self.weights + self.compute + self.cache

    def __str__(self) -> str:
        return (
            f"{as_text(self.total)} with every window full: weights {as_text(self.weights)}, and {self.slots} slots of "
            f"{self.window} tokens and {as_text(self.slot)} each"
        )


def check_fits(path: Path, memory: Memory, limit: int) -> None:
    """Raise `EngineError` where `memory` is more than `limit` bytes (0: nobody knows), with what would be less."""
    if not limit or memory.total <= limit:
        return
    room = limit - memory.weights - memory.compute
    fits = [text for slots in dict.fromkeys((memory.slots, _LEAST_SLOTS)) if (text := _fitting(memory, slots, room))]
    raise EngineError(
        f"{path}: needs {memory}; this machine has {as_text(limit)}; "
        + (f"what fits: {' or '.join(fits)}" if fits else "take a smaller file, or a machine with more memory")
    )


def _fitting(memory: Memory, slots: int, room: int) -> str | None:
    """The settings with which `slots` slots take at most `room` bytes."""
    window = min(memory.window, room * memory.window // (slots * memory.slot)) if memory.slot else memory.window
    window -= window % _STEP if window != memory.window else 0
    return f"--slots {slots} --context-window {window}" if window >= _LEAST_WINDOW else None


def cache_limit(wanted: int | None, memory: Memory, limit: int) -> int:
    """Bytes for the prompt cache: `wanted`, or half of what `memory` leaves of `limit` bytes, at most `_MOST_CACHE`.

    Raises `EngineError` for more than is left.
    """
    left = max(0, limit - memory.total) if limit else _MOST_CACHE
    if wanted is None:
        return min(_MOST_CACHE, left // 2)
    if limit and wanted > left:
        raise EngineError(
            f"prompt_cache must be at most {left >> 20} MiB, which the model leaves of this machine's "
            f"{as_text(limit)}, got {wanted >> 20} MiB; 0 turns it off"
        )
    return wanted


def usable_memory() -> int:
    """Bytes that this process may use at most: the machine's, or the container's; 0 where nobody says."""
    limits = []
    with suppress(AttributeError, ValueError, OSError):  # not on every system
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for file in _CGROUPS:
        with suppress(OSError, ValueError):  # no such group, or "max"
            limits.append(int(file.read_text()))
    return min(limits, default=0)


def as_text(size: float) -> str:
    """Bytes as a person reads them, in powers of 1,000."""
    for unit in ("bytes", "kB", "MB"):
        if size < 999.5:
            return f"{size:.3g} {unit}" if unit != "bytes" else f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.3g} GB" if size < 999.5 else f"{size:,.0f} GB"
