"""The engine in this process: any GGUF through llama.cpp, with our scheduling and our sampling.

Joins the parts: loads off the event loop, runs the scheduler in a thread of its own, and brings each round's tokens
back to the streams.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from mimo.contract.errors import ApiError, EngineError, InternalError, RateLimitExceeded, ServiceUnavailable
from mimo.engines.base import Capabilities, EngineInfo, Load, TokenEngine
from mimo.engines.limits import check_logit_bias, check_window
from mimo.engines.local.loading import load
from mimo.engines.local.media import LocalMedia, media_in
from mimo.engines.local.model.memory import as_text
from mimo.engines.local.model.model import LocalModel
from mimo.engines.local.model.options import FORCED, ModelOptions
from mimo.engines.local.policies import REPEATABLE, BatchInvariant, policy_name
from mimo.engines.local.scheduling.deliveries import Delivery
from mimo.engines.local.scheduling.scheduler import Scheduler
from mimo.engines.local.sequence import LocalStream, Sequence
from mimo.llamacpp.library import Library
from mimo.sampling import Sampler, warm
from mimo.types import Media, TokenRequest


class LocalEngine(TokenEngine):
    """A loaded `model`, scheduled and sampled here. `queue`: choices that may wait; `threads`: those that sample;
    `media`: what it takes of them, and how."""

    def __init__(
        self,
        model: LocalModel,
        *,
        queue: int,
        threads: int,
        batch_invariant: BatchInvariant,
        media: LocalMedia | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._model = model
        self._queue = queue
        self._batch_invariant = batch_invariant
        self._media = media
        self._streams: set[LocalStream] = set()
        self._encoding: set[LocalStream] = set()
        self.tokenizer = model.tokenizer
        self.chat_template = model.chat_template
        self.capabilities = Capabilities(
            grammar=True,
            prompt_logprobs=model.rewindable or model.options.chunk <= model.outputs,
            thinks_first=True,
            seeded=REPEATABLE[policy_name(batch_invariant, model, seeded=True)],
            unseeded=REPEATABLE[policy_name(batch_invariant, model, seeded=False)],
            media=media.kinds if media else (),
            media_rows=media is not None,
            media_hint=media.hint if media else "",
        )
        fingerprint = f"local-{'-'.join(model.name.lower().split())}-{model.header.digest}"
        self.info = EngineInfo("local", model.name, model.context_window, fingerprint, _memory(model))
        sampler = Sampler(model.slots, model.tokenizer.vocabulary, threads, model.tokenizer.valid)
        self._scheduler = Scheduler(model, sampler, self._hand_over)
        self._thread = threading.Thread(target=self._scheduler.run, name="mimo-scheduler", daemon=True)
        self._thread.start()

    def generate(self, request: TokenRequest) -> LocalStream:
        room = check_window(request, self.info)
        check_logit_bias(request.sampling, self.tokenizer.vocabulary)
        if (choices := self._choices()) + request.n > self._model.slots + self._queue:
            raise RateLimitExceeded(
                f"the queue is full ({choices} choices are running or waiting); try again",
                headers={"retry-after": "1"},
            )
        prompt = request.prompt
        limit = min(request.max_completion_tokens, room)
        stream = LocalStream(request, self._cancel)
        self._streams.add(stream)
        policy = policy_name(self._batch_invariant, self._model, seeded=request.seeded)
        sequences = [Sequence(stream, choice, prompt, limit, policy) for choice in range(request.n)]
        if self._media and (media := media_in(prompt)):
            self._encoding.add(stream)
            done = partial(self._call_soon, self._encoded, sequences)
            self._media.encode(media, lambda: bool(stream.open), done)
        else:
            self._scheduler.submit(sequences)
        return stream

    def rows_of(self, media: Media) -> tuple[int, ...]:
        assert self._media is not None, "media are refused where nothing takes them"
        return self._media.rows_of(media)

    def _encoded(self, sequences: list[Sequence], good: bool) -> None:
        """The media of a request are encoded: it is the scheduler's turn."""
        self._encoding.discard(sequences[0].stream)
        if good:
            self._scheduler.submit([one for one in sequences if one.choice in one.stream.open])
        else:
            sequences[0].stream.fail(InternalError("the media of this request could not be encoded; see the log"))

    def load(self) -> Load:
        busy = self._scheduler.busy_slots
        kept = self._scheduler.cache_bytes if self._model.prompt_cache else None
        return Load(busy, max(0, self._choices() - busy), self._model.slots, kept)

    def _choices(self) -> int:
        """How many run or wait."""
        self._streams = {stream for stream in self._streams if stream.open}
        return sum(len(stream.open) for stream in self._streams)

    def _cancel(self, stream: LocalStream, choice: int) -> None:
        self._scheduler.cancel(stream, choice)

    def _hand_over(self, deliveries: list[Delivery]) -> None:
        """Called by the scheduler's thread, once a round."""
        self._call_soon(_put_all, deliveries)

    def _call_soon(self, function: Callable[..., None], *arguments: object) -> None:
        """Call `function` on the event loop; from any thread."""
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop is closed: no stream is left to read
            self._scheduler.close()

    async def close(self) -> None:
        if not self._thread.is_alive():
            return
        for stream in self._encoding:
            stream.fail(ServiceUnavailable.shutting_down())
        self._scheduler.close()
        await asyncio.to_thread(self._thread.join)
        if self._media:
            await asyncio.to_thread(self._media.close)
        await asyncio.sleep(0)  # the last hand-over
        self._model.close()


async def start_local(
    path: Path,
    options: ModelOptions | None = None,
    *,
    queue: int = 256,
    batch_invariant: BatchInvariant = "seeded",
    library: Path | None = None,
    towers: Path | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> LocalEngine:
    """Load the file at `path`, off the event loop, and start on it; with the `towers` in a second file it takes media.
    Raises `EngineError`."""
    options = replace(options or ModelOptions(), any_rows=batch_invariant == "always")
    last_words = f"mimo: {path}: llama.cpp died while loading it; the file is damaged, or memory is short"
    loading = load(partial(_load, path, options, library, towers, on_progress), last_words)
    (model, media), _ = await asyncio.gather(loading, asyncio.to_thread(warm))
    # while rows are sampled llama.cpp's threads are idle, and so is most of the core that is left to the server
    threads = options.threads + 1
    return LocalEngine(model, queue=queue, threads=threads, batch_invariant=batch_invariant, media=media)


def _load(
    path: Path,
    options: ModelOptions,
    library: Path | None,
    towers: Path | None,
    on_progress: Callable[[float], None] | None,
    stop: threading.Event,
) -> tuple[LocalModel, LocalMedia | None]:
    """Load, and compute the first token of a text, and rows of media: what cannot be decoded should fail at the start
    and not at the first request. Given up when `stop` is set."""
    if not path.is_file():
        raise EngineError(f"{path}: no such file")

    def report(share: float) -> bool:
        if on_progress:
            on_progress(share)
        return not stop.is_set()

    model = LocalModel(Library(library), path, options, report)
    try:
        if options.draft != FORCED and not model.rewindable:
            raise EngineError(f"draft: {options.draft} needs a model whose tokens can be taken back; leave it out")
        model.first_token()
        return model, _with_towers(model, towers) if towers else None
    except BaseException as problem:
        model.close()
        if isinstance(problem, EngineError):
            raise EngineError(f"{path}: {problem}") from None
        raise


def _with_towers(model: LocalModel, towers: Path) -> LocalMedia:
    """What `model` takes with the `towers`, tried out. Raises `StartError`."""
    media = LocalMedia(model.projector(towers), model.tokenizer.encode)
    try:
        model.try_out(media.try_out())
    except EngineError as problem:
        media.close()
        raise EngineError(f"{towers}: {problem}") from None
    return media


def _memory(model: LocalModel) -> str:
    """What the model takes, in words."""
    kept = f"up to {as_text(model.prompt_cache)} of" if model.prompt_cache else "no"
    return f"{model.memory}; and {kept} earlier prompts"


def _put_all(deliveries: list[Delivery]) -> None:
    for stream, what in deliveries:
        if isinstance(what, ApiError):
            stream.fail(what)
        else:
            stream.put(what)
