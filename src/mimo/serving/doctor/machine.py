"""The machine: processor, threads, memory, and how many connections a process may hold."""

from __future__ import annotations

import os
import platform
import re
import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from llvmlite import binding

from mimo.config import Settings
from mimo.engines.local.model.memory import as_text, usable_memory
from mimo.engines.local.start import thread_counts, usable_cores
from mimo.serving.doctor.base import Finding

_FEATURES = ("avx", "avx2", "fma", "f16c", "avx512f", "avx512vnni", "amx-int8", "neon", "dotprod", "i8mm", "sve")
"""Instructions that matter for products of matrices, as LLVM names them."""
_CPU_MAX, _MEMORY = Path("/sys/fs/cgroup/cpu.max"), Path("/proc/meminfo")
_LITTLE_MEMORY, _FEW_FILES = 10**9, 1024


def processor(_: Settings) -> Iterator[Finding]:
    """Its name and what it can do for us."""
    try:
        name, all_features = binding.get_host_cpu_name(), binding.get_host_cpu_features()
        features = [one for one in _FEATURES if all_features.get(one)]
    except RuntimeError:  # not known for this processor
        name, features = platform.machine(), []
    said = f"{platform.machine()} ({name}): {', '.join(features) or 'no features known'}"
    if platform.machine() in ("x86_64", "AMD64") and features and "avx2" not in features:
        yield Finding(
            "note", said, "without AVX2 a model runs several times slower; use a newer processor or an upstream"
        )
    else:
        yield Finding("ok", said)


def threads(settings: Settings) -> Iterator[Finding]:
    """Cores, a container's share of them, and what would be used."""
    cores, (short, long) = usable_cores(), thread_counts(settings.model is None, settings.threads)
    yield Finding("ok", f"{cores} cores; the local engine computes on {short} thread(s), in long calls on {long}")
    with suppress(OSError, ValueError):  # no such group, or "max"
        quota, period = map(int, _CPU_MAX.read_text().split())
        if quota < cores * period:
            share = quota / period
            yield Finding(
                "note", f"this container may use {share:g} of {cores} cores", f"--threads {max(1, int(share))}"
            )
    with suppress(OSError):
        if (load := os.getloadavg()[0]) > cores:
            yield Finding("note", f"the machine is busy: load {load:.1f} on {cores} cores", "expect slower answers")


def memory(_: Settings) -> Iterator[Finding]:
    """All there is for this process, and what is free of it now."""
    limit, free = usable_memory(), _available()
    said = f"{as_text(limit) if limit else 'nobody says how much'} in all"
    said += f", {as_text(free)} free" if free else ""
    if free and free < _LITTLE_MEMORY:
        yield Finding(
            "note", said, "nano wants 300 MB, another model the size of its file and more: end other programs"
        )
    else:
        yield Finding("ok", said)


def files(_: Settings) -> Iterator[Finding]:
    """A connection is an open file."""
    limit, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= limit < _FEW_FILES:
        yield Finding("note", f"{limit} at once, so fewer connections", "raise it before the start: ulimit -n 65536")
    else:
        yield Finding("ok", f"{limit} at once" if limit >= 0 else "any number")


def _available() -> int:
    with suppress(OSError):  # not on every system
        if found := re.search(r"^MemAvailable: *(\d+) kB", _MEMORY.read_text(), re.M):
            return int(found[1]) * 1024
    return 0
