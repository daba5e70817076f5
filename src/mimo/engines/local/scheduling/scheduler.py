"""Continuous batching: which tokens are decoded in the next call, and whose the sampled ones are.

One thread runs `run()`; the event loop talks to it through a queue and gets one hand-over per round. A round is

    1. take orders (new sequences, cancelled ones); sleep when there is nothing to do
    2. give waiting sequences a free slot, the lowest first
    3. decode prompts, in calls of their own, as many tokens as those who run may wait for; after the last call of a
       prompt, sample its first token
    4. decode one token of every running sequence, in one call where they are neighbours, and sample all of them at
       once; while few run, verify what is guessed of theirs
    5. hand what was sampled to the event loop; a first token at once

Step 2 asks `prefixes.py`, step 3 is `prompts.py`, step 4 `answers.py`, and `draws.py` samples for both. What of a
prompt is reused and how it is cut is its sequence's policy (`policies/`); how long the running ones wait is `pace.py`.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import perf_counter

from mimo.contract.errors import ApiError, InternalError, ServiceUnavailable
from mimo.engines.local.drafts import DRAFTS
from mimo.engines.local.model.model import LocalModel
from mimo.engines.local.policies import POLICIES
from mimo.engines.local.scheduling.answers import Answers
from mimo.engines.local.scheduling.deliveries import Deliveries, Delivery
from mimo.engines.local.scheduling.draws import Draws
from mimo.engines.local.scheduling.pace import Pace
from mimo.engines.local.scheduling.prefixes import WORTH_MOVING, Prefixes
from mimo.engines.local.scheduling.prompt_cache import PromptCache
from mimo.engines.local.scheduling.prompts import Prompts
from mimo.engines.local.scheduling.slots import Slots
from mimo.engines.local.sequence import LocalStream, Sequence
from mimo.sampling import Sampler

log = logging.getLogger(__name__)


class Scheduler:
    """The queue before the slots, and the loop that fills and empties them."""

    def __init__(self, model: LocalModel, sampler: Sampler, deliver: Callable[[list[Delivery]], None]) -> None:
        self._model = model
        self._slots = slots = Slots(model, sampler)
        self._out = Deliveries(deliver)
        self._cache = PromptCache(model, slots.all, model.prompt_cache)
        self._pace = Pace(model.options.chunk, perf_counter)
        policies = {name: policy(model) for name, policy in POLICIES.items()}
        draws = Draws(sampler, slots, model.tokenizer.end_ids, self._out)
        self._prefixes = Prefixes(model, slots, self._cache, policies)
        self._prompts = Prompts(model, sampler, slots, policies, self._prefixes, self._cache, draws, self._pace)
        drafts = [draft(sampler) for draft in DRAFTS[model.options.draft]]
        self._answers = Answers(model, slots, policies, drafts, draws)
        self._orders: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._waiting: deque[Sequence] = deque()
        self._resting = True
        self._open = True

    # Called from the event loop

    def submit(self, sequences: list[Sequence]) -> None:
        """Queue the choices of one request."""
        self._orders.put(lambda: self._waiting.extend(sequences))

    def cancel(self, stream: LocalStream, choice: int) -> None:
        """Free the slot of a choice before the next round."""
        self._orders.put(lambda: self._drop(stream, choice))

    def close(self) -> None:
        """End `run()` after the current round; what runs gets `ServiceUnavailable`."""

        def stop() -> None:
            self._open = False

        self._orders.put(stop)

    @property
    def cache_bytes(self) -> int:
        """How much memory has prompts that no slot has."""
        return self._cache.size

    @property
    def busy_slots(self) -> int:
        """How many slots are taken."""
        return self._slots.busy

    # The scheduler's own thread

    def run(self) -> None:
        """Rounds until closed."""
        while self._open:
            try:
                self._round()
            except Exception:
                log.exception("the engine failed; what was running is ended with an error")
                self._fail_all(InternalError("the engine failed on this request; see the server's log"))
                self._model.kv.clear()
                self._cache.clear()
            self._out.hand_over()
        with suppress(Empty):
            while True:
                self._orders.get_nowait()()
        self._fail_all(ServiceUnavailable.shutting_down())
        self._out.hand_over()

    def _round(self) -> None:
        self._take_orders()
        self._admit()
        self._prompts.decode(self._out.hand_over)
        if running := self._slots.sampled:
            with self._pace.step():
                self._answers.step(running)

    def _take_orders(self) -> None:
        if not self._waiting and not self._slots.busy:
            self._sleep()
        with suppress(Empty):
            while self._open:
                self._orders.get_nowait()()

    def _sleep(self) -> None:
        """Wait for an order, and after a while give memory back."""
        try:
            order = self._orders.get(timeout=None if self._resting else self._model.options.rest_seconds)
        except Empty:
            self._rest()
            order = self._orders.get()
        order()

    def _rest(self) -> None:
        """Move what the slots have to the prompt cache, as far as there is room, and give the memory of the KV cache
        back to the system: what an idle server keeps of earlier prompts is within the limit."""
        self._resting = True
        for slot in reversed(self._slots.all):  # the lowest are used the most, and so go last
            if len(slot.tokens) >= WORTH_MOVING:
                self._cache.keep(slot)
            slot.cut(0)
            self._model.kv.truncate(slot.index, -1)
        self._model.kv.give_back()

    def _drop(self, stream: LocalStream, choice: int) -> None:
        for sequence in self._waiting:
            if sequence.stream is stream and sequence.choice == choice:
                self._waiting.remove(sequence)
                return
        self._slots.release_choice(stream, choice)

    def _fail_all(self, error: ApiError) -> None:
        for stream in self._slots.streams | {sequence.stream for sequence in self._waiting}:
            self._out.add(stream, error)
        self._waiting.clear()
        self._slots.clear()

    def _admit(self) -> None:
        """Give waiting sequences free slots."""
        while self._waiting:
            self._resting = False
            if not (free := self._slots.free):
                return
            sequence = self._waiting.popleft()
            self._slots.fill(self._prefixes.best_slot(free, sequence), sequence)
