"""What a server needs of this machine, looked at without starting one. A new check is a function and a line here.

No check raises, changes anything, or takes longer than a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import MappingProxyType

from mimo.config import Settings
from mimo.serving.doctor.base import Finding
from mimo.serving.doctor.engine import engine
from mimo.serving.doctor.library import library
from mimo.serving.doctor.machine import files, memory, processor, threads
from mimo.serving.doctor.place import cache, data, listening
from mimo.serving.doctor.software import packages, versions

Check = Callable[[Settings], Iterator[Finding]]
CHECKS: MappingProxyType[str, Check] = MappingProxyType({
    "versions": versions,
    "packages": packages,
    "processor": processor,
    "threads": threads,
    "memory": memory,
    "open files": files,
    "llama.cpp": library,
    "engine": engine,
    "data": data,
    "cache": cache,
    "address": listening,
})  # fmt: skip


def findings(settings: Settings) -> Iterator[tuple[str, Finding]]:
    """What every check finds, as it is found: the check's name and the finding."""
    for name, check in CHECKS.items():
        for finding in check(settings):
            yield name, finding
