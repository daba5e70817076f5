"""What a soak has found: tables for people, and a line for everything that is not as it should be."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from tests.soak.phase import Phase
from tests.soak.traffic import Found

HEALTH_MS, GAP_RATIO = 50.0, 2.0
ROOM = {"MiB": 20, "objects": 2_000, "tasks": 3, "descriptors": 8}
"""By how much each may grow from one storm to the next, and memory by a tenth more."""
_ROWS: dict[str, Callable[[Phase], list[float]]] = {
    "/healthz": lambda phase: phase.seen.health,
    "between chunks of a running stream": lambda phase: phase.seen.gaps,
    "by which the server's loop is late": lambda phase: phase.late,
    "by which the watcher itself is late": lambda phase: phase.seen.late,
}
_LEAST = 0.02
"""Of a core: threads that use less are left out."""


def ms(values: list[float], percent: int = 99) -> float:
    """A percentile, in milliseconds."""
    return 1000 * statistics.quantiles(values, n=100)[percent - 1] if len(values) > 1 else float("nan")


def held(before: dict[str, Any], after: dict[str, Any]) -> str:
    """What the server holds."""
    lines = ["| after a storm | the first | the second |", "| --- | --: | --: |"]
    return "\n".join([*lines, *(f"| {name} | {before[name]:,} | {after[name]:,} |" for name in ROOM)])


def timed(calm: Phase, storm: Phase) -> str:
    """What was timed, and where the processor went."""
    lines = ["| ms | calm, 50 % | 99 % | storm, 50 % | 99 % |", "| --- | --: | --: | --: | --: |"]
    for name, values in _ROWS.items():
        cells = (f"{ms(values(phase), percent):.1f}" for phase in (calm, storm) for percent in (50, 99))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "| of a core | calm | storm |", "| --- | --: | --: |"]
    for name in sorted(storm.processor, key=lambda name: -storm.processor[name]):
        shares = [phase.processor.get(name, 0.0) / phase.seconds for phase in (calm, storm)]
        lines += [f"| {name} | {shares[0]:.2f} | {shares[1]:.2f} |"] if max(shares) > _LEAST else []
    shares = [phase.storm.processor / phase.seconds for phase in (calm, storm)]
    lines.append(f"| the clients, which are not ours | {shares[0]:.2f} | {shares[1]:.2f} |")
    shares = [phase.storm.found.total() / phase.seconds for phase in (calm, storm)]
    return "\n".join([*lines, f"| requests a second | {shares[0]:.0f} | {shares[1]:.0f} |"])


def wrong(found: Found) -> list[str]:
    """What was answered wrongly, or too seldom."""
    problems = [f"{count} times {what}" for what, count in found.items() if what.startswith("wrong")]
    if found["answered"] < 100 or found["left"] < 20:
        problems.append("too few requests to say anything")
    return problems


def grown(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What the server kept."""
    more = {**ROOM, "MiB": ROOM["MiB"] + before["MiB"] * 0.1}
    problems = [
        f"{name} grew from {before[name]} to {after[name]}" for name in more if after[name] > before[name] + more[name]
    ]
    return [*problems, f"the commonest types: {after['types']}"] if problems else []


def slow(calm: Phase, storm: Phase) -> list[str]:
    """What others waited for too long."""
    health, ratio = ms(storm.seen.health), ms(storm.seen.gaps) / ms(calm.seen.gaps)
    problems = [f"/healthz took {health:.0f} ms, {HEALTH_MS:g} allowed"] if health > HEALTH_MS else []
    return problems + (
        [f"a running stream waited {ratio:.1f} times as long, {GAP_RATIO:g} allowed"] if ratio > GAP_RATIO else []
    )
