"""Keeps the corpus small: of what fuzzing found for a target, the inputs that reach a line which no larger one reaches.

python -m tests.fuzz.pick chat        from .cache/fuzz/chat and corpus/chat into corpus/chat
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.fuzz import CORPUS, FOUND, input_of

SOURCE = str(Path(__file__).parents[2] / "src")


def lines_of(run: Callable[[bytes], object], data: bytes) -> set[tuple[str, int]]:
    """The lines of ours that `run(data)` reaches."""
    lines: set[tuple[str, int]] = set()

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(SOURCE):
            return None
        lines.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    sys.settrace(trace)
    try:
        run(data)
    finally:
        sys.settrace(None)
    return lines


def main() -> None:
    """Replace the corpus of the target named on the command line."""
    name = sys.argv[1]
    run = input_of(name)
    inputs = {
        path.name[:16]: path.read_bytes() for folder in (FOUND / name, CORPUS / name) for path in folder.glob("*")
    }
    reached = {file: lines_of(run, data) for file, data in inputs.items()}
    seen: set[tuple[str, int]] = set()
    kept: list[str] = []
    for file in sorted(inputs, key=lambda file: (-len(reached[file]), file)):
        if not reached[file] <= seen:
            seen |= reached[file]
            kept.append(file)
    (CORPUS / name).mkdir(parents=True, exist_ok=True)
    for path in (CORPUS / name).glob("*"):
        path.unlink()
    for file in kept:
        (CORPUS / name / file).write_bytes(inputs[file])
    print(f"{name}: {len(kept)} of {len(inputs)} inputs reach the same {len(seen)} lines")


if __name__ == "__main__":
    main()
