"""What `--batch-invariant` costs a model, by its type of weights: python -m bench.modes FILE.gguf …

Processor time of one thread, the best of several, for a step of a lone stream as each mode computes it, for one of
eight streams, and for a prompt of 256 tokens. Every kind of kernels has a process of its own: llama.cpp asks once which
to use.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from mimo.engines.local.model.model import LocalModel
from mimo.engines.local.model.options import ModelOptions
from mimo.llamacpp.library import Library
from mimo.nano import gguf_path

STREAMS, PROMPT, ROUNDS = 8, 256, 5


def best(act: Callable[[], object], undo: Callable[[], object]) -> float:
    """Milliseconds of processor time."""
    found = []
    for _ in range(ROUNDS):
        start = time.process_time()
        act()
        found.append(1e3 * (time.process_time() - start))
        undo()
    return min(found)


def measure(path: Path, any_rows: bool) -> dict[str, float | bool]:
    """The times of one kind of kernels, in milliseconds."""
    options = ModelOptions(slots=STREAMS, context_window=512, threads=1, any_rows=any_rows)
    model = LocalModel(Library(), path, options)
    for slot in range(STREAMS):
        model.decode_prompt(slot, [20 + slot] * 20, 0, last=True)

    def back() -> None:
        for slot in range(STREAMS):
            model.kv.truncate(slot, 20)

    every = list(range(STREAMS))
    return {
        "exact": model.exact,
        "one row": best(lambda: model.decode_step([0], [50], [20], [True]), back),
        "two rows": best(lambda: model.decode_step([0, 0], [50, 0], [20, 21], [True, True]), back),
        "eight": best(lambda: model.decode_step(every, [50] * STREAMS, [20] * STREAMS, [True] * STREAMS), back),
        "prompt": best(lambda: model.decode_prompt(0, [30] * PROMPT, 20, last=True), back),
    }


def row(path: Path) -> str:
    """The line of the table for one file."""
    fast, slow = (
        json.loads(subprocess.run(
            [sys.executable, "-m", "bench.modes", "--one", str(path), kind], check=True, capture_output=True, text=True
        ).stdout)
        for kind in ("fast", "any")
    )  # fmt: skip
    seeded = "two rows" if fast["exact"] else "one row"
    cells = (
        fast["one row"], fast[seeded], slow["two rows"], fast["eight"], slow["eight"], fast["prompt"], slow["prompt"]
    )  # fmt: skip
    worth = "exact" if fast["exact"] else "alone"
    return f"| {path.stem} | {worth} | " + " | ".join(f"{cell:.3g}" for cell in cells) + " |"


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(Path(sys.argv[2]), sys.argv[3] == "any")))
        return
    print(
        "| file | a seed is worth | lone stream | with a seed | `always` | 8 streams | `always` | prompt | `always` |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for path in map(Path, sys.argv[1:] or [str(gguf_path())]):
        print(row(path), flush=True)


if __name__ == "__main__":
    main()
