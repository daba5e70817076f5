"""Tokens a second while other programs want every core: threads as mimo chooses them, against fixed counts.

`LOOPS` busy loops a core run during every turn. The ratio is to the better of one thread and one a core. A llama.cpp
whose threads wait for each other without sleeping is what this is to find.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.rounds import Series, interleaved, middle, ratios
from mimo.engines.local.model.model import LocalModel
from mimo.engines.local.model.options import ModelOptions
from mimo.engines.local.start import thread_counts, usable_cores
from mimo.llamacpp.library import Library
from mimo.nano import gguf_path

LOOPS = 2
CHOSEN = "chosen"


@contextlib.contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """`count` processes that do nothing but want a core; their niceness is ours."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def steps_a_second(model: LocalModel, streams: int, seconds: float) -> float:
    """Of `streams` sequences together, for so long."""
    model.kv.clear()
    slots, done, start = list(range(streams)), 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        position = done % (model.context_window - 2)
        if not position:
            model.kv.clear()
        model.decode_step(slots, [50] * streams, [position] * streams, [True] * streams)
        done += 1
    return streams * done / (time.perf_counter() - start)


def measure(
    path: Path | None = None, rounds: int = 3, streams: int = 4, seconds: float = 3.0
) -> dict[str, dict[str, Series]]:
    """Tokens a second by how threads are chosen, `idle` (as idle as the machine is) and `busy`."""
    cores = usable_cores()
    few, many = thread_counts(path is None, None)
    counts = {CHOSEN: (few, many), "1": (1, 1), str(cores): (cores, cores)}
    models = {
        name: LocalModel(
            Library(),
            path or gguf_path(),
            ModelOptions(slots=streams, context_window=512, threads=threads, long_threads=long),
        )
        for name, (threads, long) in counts.items()
    }

    def turns() -> dict[str, Series]:
        cases = {
            name: lambda model=model: steps_a_second(model, streams, seconds)  # type: ignore[misc]
            for name, model in models.items()
        }
        return interleaved(cases, rounds)

    found = {"idle": turns()}
    with busy_loops(LOOPS * cores):
        found["busy"] = turns()
    for model in models.values():
        model.close()
    return found


def main() -> None:
    found = measure(Path(sys.argv[1]) if sys.argv[1:] else None)
    for state, rates in found.items():
        best = max(
            (name for name in rates if name != CHOSEN), key=lambda name: sorted(rates[name])[len(rates[name]) // 2]
        )
        shown = "  ".join(f"{name}: {' '.join(f'{rate:.1f}' for rate in series)}" for name, series in rates.items())
        ratio = middle(ratios(rates[CHOSEN], rates[best]))
        print(f"{state}  {shown}  chosen ÷ best fixed ({best}): {ratio:.2f}")


if __name__ == "__main__":
    main()
