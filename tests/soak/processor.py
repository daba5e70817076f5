"""Seconds of processor that a process has used, by thread, and those of its children. Reads /proc; knows no server."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def used(pid: int, names: Mapping[str, str]) -> dict[str, float]:
    """By what `names` has for the number of a thread, else by the name that the system has; "children" is all of
    theirs."""
    found: defaultdict[str, float] = defaultdict(float)
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # it has ended
            name, fields = _stat(task)
            found[names.get(task.name, name)] += _seconds(fields[11:13])
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            _, fields = _stat(process)
            if int(fields[1]) == pid:
                found["children"] += _seconds(fields[11:15])
    return found


def _stat(folder: Path) -> tuple[str, list[str]]:
    """The name and what follows it: state, parent …"""
    before, _, after = (folder / "stat").read_text().rpartition(")")
    return before.partition("(")[2], after.split()


def _seconds(fields: list[str]) -> float:
    return sum(map(int, fields)) / _TICKS
