"""What is measured on real weights: a grid of streams and prompts, the second turn of a conversation, a busy machine.

Every server in turn at each point; a server's memory is read after all of them.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.load import Load
from bench.machine import resident_mb, say
from bench.peers import Server
from bench.real.files import ALL, QUICK, model_file
from bench.real.servers import LLAMA, OURS, SAME, Sizes, Unseeded, running
from mimo.engines.local.start import usable_cores

_MOST_PROMPT = 33_000
"""Tokens of all prompts of a point: what is more would take minutes a turn."""


@dataclass(frozen=True, slots=True)
class Grid:
    """What a run measures; `tokens` of every stream."""

    models: tuple[str, ...] = ALL
    streams: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    prompts: tuple[int, ...] = (32, 1000, 4000)
    tokens: int = 64
    turn: int = 1900
    """Tokens of the conversation whose second turn is asked."""

    @property
    def sizes(self) -> Sizes:
        """Of the servers named."""
        return Sizes(max(2, *self.streams), max(max(self.prompts), self.turn) + 4 * self.tokens + 200)

    def points(self) -> list[tuple[int, int]]:
        """(streams, tokens of a prompt)."""
        return [(count, size) for size in self.prompts for count in self.streams if count * size <= _MOST_PROMPT]


QUICK_GRID = Grid(QUICK, (1, 8), (32, 900), 32, turn=900)


def measure(grid: Grid, rounds: int) -> dict[str, Any]:
    """By model: `points`, `turns` and `busy`, each by server a list with a value a round; `memory` in MB."""
    return {name: _measure_model(name, grid, rounds) for name in grid.models}


def _measure_model(model: str, grid: Grid, rounds: int) -> dict[str, Any]:
    points: dict[str, dict[str, list[dict[str, float]]]] = {}
    with running(model_file(model), grid.sizes) as servers:
        asker = servers[SAME]
        assert isinstance(asker, Unseeded)
        idle = _memory(servers)
        for server in servers.values():
            server.run(asker.questions(1, 32), 8)
        for count, size in grid.points():
            say(f"  {model}: {count} streams, prompts of {size}")
            point = points[f"{count} × {size}"] = {name: [] for name in servers}
            for _ in range(rounds):
                questions = asker.questions(count, size)
                for name, server in servers.items():
                    point[name].append(_figures(server.run(questions, grid.tokens)))
        say(f"  {model}: second turns, and a busy machine")
        turns: dict[str, list[float]] = {name: [] for name in servers}
        for _ in range(rounds):
            for name, server in servers.items():
                turns[name].append(_second_turn(server, asker, grid))
        with busy(2 * usable_cores()):
            while_busy = {
                name: [_figures(servers[name].run(asker.questions(1, 32), grid.tokens)) for _ in range(rounds)]
                for name in (OURS, LLAMA)
            }
        return {"points": points, "turns": turns, "busy": while_busy, "idle": idle, "memory": _memory(servers)}


def _memory(servers: dict[str, Server]) -> dict[str, float]:
    """MB of each that are in RAM."""
    return {name: resident_mb(server.process.pid) for name, server in servers.items()}


def _figures(load: Load) -> dict[str, float]:
    """Tokens per second; seconds to the first token, median and 99th percentile, and between tokens."""
    return {
        "rate": load.rate,
        "first": percentile(load.firsts, 50),
        "first p99": percentile(load.firsts, 99),
        "gap p99": percentile(load.gaps, 99),
    }


def percentile(values: tuple[float, ...], share: int) -> float:
    """The smallest value that so many per cent of `values` do not exceed; 0 of none."""
    return sorted(values)[max(0, -(-len(values) * share // 100) - 1)] if values else 0.0


def _second_turn(server: Server, asker: Unseeded, grid: Grid) -> float:
    """Seconds to the first token of the second turn of a conversation, whose first one the server has just had."""
    (first,) = asker.questions(1, grid.turn)
    server.run([first], 16)
    more = [{"role": "assistant", "content": "It is so."}, {"role": "user", "content": "And what then?"}]
    second = asker.tokenized([*first.messages, *more])
    return server.run([second], 2).first


@contextlib.contextmanager
def busy(loops: int) -> Iterator[None]:
    """So many processes that compute meanwhile."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    time.sleep(1.0)
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
