"""Coverage-guided fuzzing of one target with atheris; what it finds interesting is kept beside, in `corpus/TARGET`.

    python -m tests.fuzz.fuzz anthropic -max_total_time=3600        the rest are libFuzzer's own options
    python -m tests.fuzz.fuzz anthropic -merge=1 NEW OLD            the smallest corpus that covers as much

Requests are made by hypothesis from the bytes, since hardly any bytes are JSON. atheris is not among the pinned packages:
`pip install atheris` first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
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
    folder = CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    if not any(option.startswith("-merge") for option in options):
        options.append(str(folder))
    atheris.Setup([sys.argv[0], f"-timeout={SLOW}", "-max_len=4096", *options], input_of(name))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
