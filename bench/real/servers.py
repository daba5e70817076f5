"""What is compared on real weights: ours as it comes, ours always exact, llama-server as it comes and with our slots.

All sample as the contract recommends, may reuse earlier prompts, and get no seed.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.launch import PIPES, child
from bench.peers import OTHERS_OFF, Ours, Question, Server, line
from mimo.testing import served

OURS, SAME, ALWAYS, LLAMA, LLAMA_SAME = (
    "ours",
    "ours, same slots",
    "ours, always exact",
    "llama-server",
    "llama-server, same slots",
)
ALL = (OURS, SAME, ALWAYS, LLAMA, LLAMA_SAME)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the servers named: `slots` at once, a `window` of tokens for each."""

    slots: int
    window: int


class Unseeded(Ours):
    """`mimo serve`, asked as most people do."""

    def body(self, question: Question, tokens: int, seed: int) -> dict[str, object]:
        body = super().body(question, tokens, seed)
        body.pop("seed", None)
        return body


@contextlib.contextmanager
def running(model: Path, sizes: Sizes, more: tuple[str, ...] = ()) -> Iterator[dict[str, Server]]:
    """Every server by name, started on `model`. `more`: flags for all of ours."""
    flags_of_size = ("--slots", str(sizes.slots), "--context-window", str(sizes.window))
    flags = {OURS: (), SAME: flags_of_size, ALWAYS: (*flags_of_size, "--batch-invariant", "always")}
    with contextlib.ExitStack() as stack:
        found: dict[str, Server] = {}
        for name, arguments in flags.items():
            url, process = stack.enter_context(served("--model", str(model), "--queue", "512", *arguments, *more))
            found[name] = Unseeded(url, process, {"ignore_eos": True})
        for name, numbers in ((LLAMA, ("0", "0")), (LLAMA_SAME, (str(sizes.slots), str(sizes.window)))):
            process = stack.enter_context(
                child([sys.executable, "-m", "bench.llama_server", str(model), *numbers], **PIPES)
            )
            found[name] = Server(line(process, 120), process, {**OTHERS_OFF, "ignore_eos": True})
        yield found
