"""Coverage-guided fuzzing of one target with atheris. What it finds interesting goes to `.cache/fuzz/TARGET`.

    python -m tests.fuzz.fuzz anthropic -max_total_time=3600        the rest are libFuzzer's own options
    python -m tests.fuzz.pick anthropic                             keep what reaches new lines in `corpus/anthropic`

Requests are made by hypothesis from the bytes, since hardly any bytes are JSON. atheris is not among the pinned
packages: `pip install atheris` first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
FOUND = Path(__file__).parents[2] / ".cache/fuzz"
SLOW = 20
"""Seconds after which one input counts as a hang."""


def input_of(target: str) -> Callable[[bytes], object]:
    """The function of bytes that is fuzzed."""
    from tests.fuzz.bodies import BODIES, check_of
    from tests.fuzz.targets import TARGETS

    return check_of(target, examples=1).hypothesis.fuzz_one_input if target in BODIES else TARGETS[target]  # type: ignore


def main() -> None:
    """Fuzz the target named first on the command line until it fails or time is up."""
    import atheris

    with atheris.instrument_imports(include=["mimo.api", "mimo.contract", "mimo.chat", "mimo.output"]):
        import tests.fuzz.targets  # noqa: F401
    name, options = sys.argv[1], sys.argv[2:]
    folders = [FOUND / name, CORPUS / name]  # libFuzzer writes to the first and reads both
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    fixed = [f"-timeout={SLOW}", "-max_len=4096", f"-artifact_prefix={FOUND}/{name}-"]
    atheris.Setup([sys.argv[0], *fixed, *options, *map(str, folders)], input_of(name))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
