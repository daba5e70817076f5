"""The engine in this process: any GGUF through llama.cpp, with our scheduling and our sampling.

Joins the parts: loads off the event loop, runs the scheduler in a thread of its own, and brings each round's tokens
back to the streams.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mimo.constraints.llguidance import vocabulary_of
from mimo.contract.errors import ApiError, RateLimitExceeded
from mimo.engines.base import Engine, EngineError, EngineInfo, check_logit_bias, room_for
from mimo.engines.local.loading import load
from mimo.engines.local.model import LocalModel, ModelOptions
from mimo.engines.local.scheduler import Delivery, Scheduler
from mimo.engines.local.sequence import LocalStream, Sequence
from mimo.llamacpp.library import Library
from mimo.sampling import Sampler, warm
from mimo.types import TokenRequest


class LocalEngine(Engine):
    """llama.cpp in process."""

    holds_grammar = True

    def __init__(
        self,
        path: Path,
        options: ModelOptions | None = None,
        *,
        queue: int = 256,
        batch_invariant: bool = True,
        library: Path | None = None,
        on_progress: Callable[[float], None] | None = None,
    ) -> None:
        """An engine for the file at `path`, not yet loaded. `queue`: choices that may wait beside those running."""
        self._path = path
        self._options = options or ModelOptions()
        self._queue = queue
        self._invariant = batch_invariant
        self._library_path = library
        self._on_progress = on_progress
        self._streams: set[LocalStream] = set()
        self._thread: threading.Thread | None = None

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        warming = asyncio.to_thread(warm)
        last_words = f"mimo: {self._path}: llama.cpp died while loading it; the file is damaged, or memory is short"
        self._model, _ = await asyncio.gather(load(self._load, last_words), warming)
        model = self._model
        self.tokenizer = model.tokenizer
        self.chat_template = model.chat_template
        name = model.name
        fingerprint = f"local-{'-'.join(name.lower().split())}-{model.header.digest}"
        self.info = EngineInfo("local", name, model.context_window, fingerprint)
        # while rows are sampled llama.cpp's threads are idle, and so is most of the core that is left to the server
        threads = self._options.threads + 1
        sampler = Sampler(model.slots, model.tokenizer.vocabulary, threads, model.tokenizer.valid)
        self._scheduler = Scheduler(model, sampler, self._hand_over, batch_invariant=self._invariant)
        self._thread = threading.Thread(target=self._scheduler.run, name="mimo-scheduler", daemon=True)
        self._thread.start()
        # what a first grammar needs of the vocabulary takes a second for a large one: not in the scheduler's time
        self._preparing = asyncio.create_task(asyncio.to_thread(vocabulary_of, model.tokenizer))

    def _load(self, stop: threading.Event) -> LocalModel:
        """Load, and compute the first token of a text: what cannot be decoded should fail at the start and not at the
        first request. Given up when `stop` is set."""
        if not self._path.is_file():
            raise EngineError(f"{self._path}: no such file")

        def report(share: float) -> bool:
            if self._on_progress:
                self._on_progress(share)
            return not stop.is_set()

        options = replace(self._options, batch_invariant=self._invariant)
        model = LocalModel(Library(self._library_path), self._path, options, report)
        try:
            model.first_token()
        except BaseException as problem:
            model.close()
            if isinstance(problem, EngineError):
                raise EngineError(f"{self._path}: {problem}") from None
            raise
        return model

    def generate(self, generation: TokenRequest) -> LocalStream:
        room = room_for(generation, self.info)
        check_logit_bias(generation.sampling, self.tokenizer.vocabulary)
        if self.running + generation.n > self._model.slots + self._queue:
            raise RateLimitExceeded(
                f"the queue is full ({self.running} choices are running or waiting); try again",
                headers={"retry-after": "1"},
            )
        prompt = generation.prompt
        limit = min(generation.max_completion_tokens, room)
        stream = LocalStream(generation, self._cancel)
        self._streams.add(stream)
        self._scheduler.submit([Sequence(stream, choice, prompt, limit) for choice in range(generation.n)])
        return stream

    @property
    def running(self) -> int:
        """Choices that run or wait."""
        self._streams = {stream for stream in self._streams if stream.open}
        return sum(len(stream.open) for stream in self._streams)

    @property
    def held(self) -> int:
        """Places of the KV cache that are taken."""
        return self._scheduler.held

    def _cancel(self, stream: LocalStream, choice: int) -> None:
        self._scheduler.cancel(stream, choice)

    def _hand_over(self, deliveries: list[Delivery]) -> None:
        """Called by the scheduler's thread, once a round."""
        try:
            self._loop.call_soon_threadsafe(_put_all, deliveries)
        except RuntimeError:  # the loop is closed: nobody is left to read
            self._scheduler.close()

    async def close(self) -> None:
        if self._thread is None:
            return
        self._scheduler.close()
        await self._preparing
        await asyncio.to_thread(self._thread.join)
        self._thread = None
        await asyncio.sleep(0)  # the last hand-over
        self._model.close()


def _put_all(deliveries: list[Delivery]) -> None:
    for stream, what in deliveries:
        if isinstance(what, ApiError):
            stream.fail(what)
        else:
            stream.put(what)
