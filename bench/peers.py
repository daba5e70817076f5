"""The engines that are compared, as things that can be asked: the same prompts, the same number of tokens.

All sample as the contract recommends, reuse no earlier prompt and do not end before the last token. How they are
started is `launch.py`. Knows no measurement.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import threading
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.load import Load, LoadError, run_streams
from mimo.engines.local.start import thread_counts
from mimo.nano import gguf_path

CONTRACT = {"temperature": 1.0, "top_p": 0.95}
OTHERS_OFF = {"top_k": 0, "min_p": 0.0}
_USAGE = {"stream": True, "stream_options": {"include_usage": True}}


@dataclass(frozen=True, slots=True)
class Setup:
    """What all engines of a comparison are started with. `window` in tokens for each of `slots` streams; `threads`: for
    short calls and for long ones; `chosen`: they are not what mimo takes by itself."""

    model: Path
    slots: int
    window: int
    threads: tuple[int, int]
    chosen: bool
    chunk: int = 64


def setup(model: Path, slots: int, window: int, threads: int | None) -> Setup:
    """With `threads`, or as many as mimo takes by itself."""
    return Setup(model, slots, window, thread_counts(model == gguf_path(), threads), threads is not None)


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt as messages, for servers that render, and as ids, for the others."""

    messages: list[dict[str, str]]
    ids: list[int]


def line(process: subprocess.Popen[str], seconds: float) -> str:
    """The next line a process prints. Raises `LoadError` if it ends or says nothing for so long; it is then killed."""
    assert process.stdout is not None
    watch = threading.Timer(seconds, process.kill)
    watch.start()
    try:
        said = process.stdout.readline().strip()
    finally:
        watch.cancel()
    if not said:
        raise LoadError(f"{process.args!r} said nothing")
    return said


class Bare:
    """`bench.bare`: the forward passes alone."""

    def __init__(self, process: subprocess.Popen[str], setup: Setup) -> None:
        self.process = process
        self.model: dict[str, Any] = self._ask(
            {"model": str(setup.model), "slots": setup.slots, "window": setup.window, "threads": setup.threads,
             "chunk": setup.chunk}
        )  # fmt: skip

    def _ask(self, order: dict[str, object]) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(line(self.process, 300))
        return answer

    def run(self, questions: Sequence[Question], tokens: int) -> Load:
        took = self._ask({"prompts": [question.ids for question in questions], "tokens": tokens})
        return Load(len(questions), tokens * len(questions), took["seconds"], took["prompts"])


class Server:
    """Any of the HTTP servers: an address, and what a request to it holds."""

    def __init__(self, url: str, process: subprocess.Popen[Any], extra: dict[str, object]) -> None:
        self.url = url
        self.process = process
        self._extra = extra
        self._names = itertools.count(1)

    def body(self, question: Question, tokens: int, seed: int) -> dict[str, object]:
        return {"prompt": question.ids, "max_tokens": tokens, "seed": seed, **_USAGE, **CONTRACT, **self._extra}

    @property
    def route(self) -> str:
        return f"{self.url}/v1/completions"

    def run(self, questions: Sequence[Question], tokens: int) -> Load:
        bodies = [self.body(question, tokens, seed) for seed, question in enumerate(questions)]
        load = asyncio.run(run_streams(self.route, bodies))
        if load.tokens != tokens * len(questions):
            raise LoadError(f"{self.url} gave {load.tokens} tokens and was asked for {tokens} × {len(questions)}")
        return load


class Ours(Server):
    """`mimo serve` as its users meet it: it takes messages, no seed is sent, and ends are forbidden by logit_bias."""

    def body(self, question: Question, tokens: int, seed: int) -> dict[str, object]:
        return {
            "model": "mimo-v2-flash",
            "messages": question.messages,
            "max_completion_tokens": tokens,
            **_USAGE,
            **CONTRACT,
            **self._extra,
        }

    @property
    def route(self) -> str:
        return f"{self.url}/v1/chat/completions"

    def questions(self, count: int, size: int) -> list[Question]:
        """`count` prompts of about `size` tokens (never fewer than the chat format takes).

        Each begins with a number of its own, also in later calls, so that nothing decoded for one helps another.
        """
        return [self._question(size, str(next(self._names))) for _ in range(count)]

    def _question(self, size: int, name: str) -> Question:
        shortest = self._tokenized(name, 1)
        more = max(0, size - len(shortest.ids))
        return self._tokenized(name, 1 + more) if more else shortest

    def _tokenized(self, name: str, letters: int) -> Question:
        text = "7" * letters  # a digit is a token of its own in every vocabulary here
        return self.tokenized([{"role": "system", "content": name}, {"role": "user", "content": text}])

    def tokenized(self, messages: list[dict[str, str]]) -> Question:
        """These messages as a question."""
        body = json.dumps({"model": "mimo-v2-flash", "messages": messages}).encode()
        request = urllib.request.Request(f"{self.url}/v1/tokenize", body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return Question(messages, json.load(answer)["ids"])
