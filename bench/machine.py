"""What the figures were measured on, and what a process has cost so far. Reads /proc where there is one."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from mimo.engines.local.start import usable_cores

_PACKAGES = ("xllamacpp", "numpy", "numba", "granian", "torch", "vllm")


def described() -> dict[str, object]:
    """Processor, cores, memory, load, versions, day."""
    return {
        "processor": _field("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": usable_cores(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "system": f"{platform.system()} {platform.release().split('-')[0]}, Python {platform.python_version()}",
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
        "simd": np.show_config(mode="dicts")["SIMD Extensions"].get("found", []),  # type: ignore[index]
        "day": date.today().isoformat(),
    }


def say(text: str) -> None:
    """Progress, for the person who waits."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def wait_or_kill(process: subprocess.Popen[Any], seconds: float = 20) -> None:
    """Wait for a process that was asked to end; one that does not is killed."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(seconds)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads, in seconds, in steps of a hundredth."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Memory of a process that is in RAM."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _field(file: str, name: str) -> str | None:
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
