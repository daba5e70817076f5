"""Continuous batching: which tokens are decoded in the next call, and whose the sampled ones are.

One thread runs `run()`; the event loop talks to it through a queue and gets one hand-over per round. A round is

    1. take orders (new sequences, cancelled ones); sleep when there is nothing to do
    2. give waiting sequences a free slot, the lowest first
    3. decode prompts, in calls of their own, as many tokens as those who run may wait for; after the last call of a
       prompt, sample its first token
    4. decode one token of every running sequence, in one call where they are neighbours, and sample all of them at
       once; while few run, verify what is guessed of theirs (`drafts/`)
    5. hand what was sampled to the event loop; a first token at once

What of a prompt is reused and how it is cut is its sequence's policy (`policies/`); which rows a step's calls hold is
`steps.py`; how long the running ones wait is `pace.py`.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from collections.abc import Sequence as Tokens
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from mimo.contract.errors import ApiError, InternalError, ServiceUnavailable
from mimo.engines.local.drafts import DRAFTS
from mimo.engines.local.drafts.base import MOST
from mimo.engines.local.model.model import LocalModel
from mimo.engines.local.pace import Pace
from mimo.engines.local.policies import POLICIES
from mimo.engines.local.policies.base import Policy
from mimo.engines.local.prompt_cache import PromptCache
from mimo.engines.local.prompt_logprobs import prompt_logprobs
from mimo.engines.local.runs import after_whole
from mimo.engines.local.sequence import Held, LocalStream, Sequence, Slot, common_prefix
from mimo.engines.local.steps import Row, calls
from mimo.sampling import NO_TOKEN, Sampler, TokenLogprobs
from mimo.types import TokenBatch, TokenLogprob

log = logging.getLogger(__name__)

Delivery = tuple[LocalStream, TokenBatch | ApiError]
_FEW = 2  # running: with more, calls of their own for guesses cost more than they save
_WORTH_MOVING = 64  # tokens: a shorter prefix is decoded again sooner than another slot's memory is copied
_TAIL = 16  # tokens at the end of a prompt that its next turn does not repeat: they ask for the answer


class Scheduler:
    """Slots, the queue before them, and the loop that fills and empties them."""

    def __init__(self, model: LocalModel, sampler: Sampler, deliver: Callable[[list[Delivery]], None]) -> None:
        self._model = model
        self._sampler = sampler
        self._deliver = deliver
        self._policies = {name: policy(model) for name, policy in POLICIES.items()}
        self._drafts = [draft(sampler) for draft in DRAFTS[model.options.draft]]
        self._pace = Pace(model.options.chunk, perf_counter)
        self._orders: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._waiting: deque[Sequence] = deque()
        self._prefilling: deque[Slot] = deque()
        self._slots = [Slot(index=index) for index in range(model.slots)]
        self._cache = PromptCache(model, self._slots, model.prompt_cache)
        self._resting = True
        self._out: list[Delivery] = []
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
        """How much memory holds prompts that no slot has."""
        return self._cache.size

    @property
    def busy_slots(self) -> int:
        """How many slots are taken."""
        return sum(slot.sequence is not None for slot in self._slots)

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
            self._hand_over()
        with suppress(Empty):
            while True:
                self._orders.get_nowait()()
        self._fail_all(ServiceUnavailable.shutting_down())
        self._deliver(self._out)

    def _hand_over(self) -> None:
        if self._out:
            self._deliver(self._out)
            self._out = []

    def _round(self) -> None:
        self._take_orders()
        self._admit()
        self._prefill()
        self._step()

    def _take_orders(self) -> None:
        if not self._waiting and all(slot.sequence is None for slot in self._slots):
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
        """Move what the slots hold to the prompt cache, as far as there is room, and give the memory of the KV cache
        back to the system: what an idle server holds of earlier prompts is within the limit."""
        self._resting = True
        for slot in reversed(self._slots):  # the lowest are used the most, and so go last
            if len(slot.tokens) >= _WORTH_MOVING:
                self._cache.keep(slot)
            slot.cut(0)
            self._model.kv.truncate(slot.index, -1)
        self._model.kv.give_back()

    def _drop(self, stream: LocalStream, choice: int) -> None:
        for sequence in self._waiting:
            if sequence.stream is stream and sequence.choice == choice:
                self._waiting.remove(sequence)
                return
        for slot in self._slots:
            if slot.sequence and slot.sequence.stream is stream and slot.sequence.choice == choice:
                self._release(slot)

    def _release(self, slot: Slot) -> None:
        slot.sequence = None
        self._sampler.end(slot.index)
        if slot in self._prefilling:
            self._prefilling.remove(slot)
        if len(slot.tokens) >= self._model.context_window and self._model.rewindable:  # leave room for a dummy token
            self._keep(slot, self._model.context_window - 1)

    def _fail_all(self, error: ApiError) -> None:
        streams = {sequence.stream for sequence in self._waiting}
        streams |= {slot.sequence.stream for slot in self._slots if slot.sequence}
        self._out += [(stream, error) for stream in streams]
        self._waiting.clear()
        self._prefilling.clear()
        for slot in self._slots:
            slot.sequence = None
            slot.cut(0)

    # Step 2

    def _admit(self) -> None:
        while self._waiting:
            self._resting = False
            free = [slot for slot in self._slots if slot.sequence is None]
            if not free:
                return
            sequence = self._waiting.popleft()
            best = max(free, key=lambda slot: (self._reusable(slot, sequence), -slot.index))
            if self._reusable(best, sequence) < self._reusable(free[0], sequence) + _WORTH_MOVING:
                best = free[0]
            best.sequence = sequence
            self._prefilling.append(best)

    def _policy(self, sequence: Sequence) -> Policy:
        return self._policies[sequence.policy]

    def _reusable(self, held: Held, sequence: Sequence) -> int:
        """Tokens of the prompt that `held` has in a form we may use."""
        if sequence.reads is not None:
            return 0  # what is not decoded gives no logits
        return self._policy(sequence).reusable(held, sequence.prompt)

    # Step 3

    def _prefill(self) -> None:
        """Decode prompts: for as long as those who run may wait, and at least one call."""
        done = 0
        while (room := self._room() - done) > 0:
            slot = next((slot for slot in self._prefilling if not self._sibling_ahead(slot)), None)
            if slot is None:
                return
            done += self._decode_chunk(slot, room)
            self._hand_over()

    def _room(self) -> int:
        """Tokens of prompts that this round may decode."""
        running = len(self._slots) - len(self._prefilling) - sum(slot.sequence is None for slot in self._slots)
        return self._pace.room(len(self._prefilling), running) if self._prefilling else 0

    def _decode_chunk(self, slot: Slot, room: int) -> int:
        """Decode more of the slot's prompt, about `room` tokens; how many it was."""
        sequence = slot.sequence
        assert sequence is not None
        if not sequence.started:
            self._begin(slot, sequence)
        start, unit = len(slot.tokens), self._model.options.chunk
        size = self._policy(sequence).cut(slot, sequence.prompt, unit if sequence.reads is not None else room)
        size = min([mark - start for mark in sequence.marks if start < mark < start + size], default=size)
        size = after_whole(sequence.prompt, start + size) - start
        chunk = sequence.prompt[start : start + size]
        whole = start + len(chunk) == len(sequence.prompt)
        with self._pace.prompt(len(chunk)):
            logits = self._decode_prompt(slot, sequence, chunk, whole)
        slot.take(chunk)
        if slot.from_prompt == start and len(chunk) % unit == 0:
            slot.from_prompt += len(chunk)
        if len(slot.tokens) in sequence.marks:
            self._cache.note(slot)
        self._prefilling.remove(slot)
        if whole:
            self._sample(logits, [slot])
        else:
            self._prefilling.append(slot)  # prompts take turns, so that a long one does not hold up a short one
        return len(chunk)

    def _decode_prompt(
        self, slot: Slot, sequence: Sequence, chunk: tuple[int, ...], whole: bool
    ) -> NDArray[np.float32]:
        """Decode a chunk; the logits of its last token if it ends the `whole` prompt.

        Where log-probabilities of the prompt are wanted its rows are read first, and the last chunk is taken back and
        decoded as always: a call that gives many rows computes the last one otherwise in its last bits, and the answer
        shall not depend on what is said of the prompt.
        """
        model, start = self._model, len(slot.tokens)
        if sequence.reads is None:
            steady = self._policy(sequence).repeatable
            return model.decode_prompt(slot.index, chunk, slot.position(start), index=start, last=whole, steady=steady)
        following = sequence.prompt[start + 1 : start + 1 + len(chunk)]
        for first in range(0, len(chunk), model.outputs):
            rows = range(first, min(first + model.outputs, len(chunk)))
            logits = model.decode_prompt(slot.index, chunk, start, rows=rows)
            tokens = following[rows.start : rows.stop]
            known = logits[: len(tokens), : model.tokenizer.valid]
            sequence.stream.prompt_logprobs += prompt_logprobs(known, tokens, sequence.reads)
            if not model.rewindable or (not whole and len(chunk) == len(rows)):
                return logits[-1:]
            model.kv.truncate(slot.index, start or -1)
        return model.decode_prompt(slot.index, chunk, start, last=whole)

    def _sibling_ahead(self, slot: Slot) -> bool:
        """Whether another choice of the same request is decoding the very same prompt; then its work is copied."""
        assert slot.sequence is not None
        prompt = slot.sequence.prompt
        return not slot.sequence.started and any(
            other.sequence is not None and other.sequence.started and other.sequence.prompt is prompt
            for other in self._prefilling
        )

    def _begin(self, slot: Slot, sequence: Sequence) -> None:
        """Bring as much of the prompt into the slot as some slot already has, or the prompt cache."""
        request = sequence.stream.request
        constrain = request.constrain
        constraint = constrain(sequence.choice, sequence.limit) if constrain else None
        if not self._model.cuttable:
            sequence.marks = self._marks(sequence)
        self._bring(slot, sequence)
        keep = self._reusable(slot, sequence)
        self._keep(slot, keep)
        sequence.started = True
        if sequence.stream.begun is None:
            sequence.stream.begun = perf_counter()
        if sequence.choice == 0:
            sequence.stream.cached_tokens = keep
        self._sampler.begin(slot.index, request.sampling, sequence.choice, constraint)

    def _bring(self, slot: Slot, sequence: Sequence) -> None:
        """Copy a slot or an entry of the cache into `slot` where that has more of the prompt; keep what was in it."""

        def reusable(held: Held) -> int:
            return self._reusable(held, sequence)

        source: Held = max(self._slots, key=reusable)
        least = max(reusable(source) + 1, reusable(slot) + _WORTH_MOVING)
        kept = self._cache.best(reusable, least)
        moved = kept is not None or reusable(source) >= reusable(slot) + _WORTH_MOVING
        if moved or len(slot.tokens) >= reusable(slot) + _WORTH_MOVING:
            self._cache.keep(slot)
        if kept is not None:
            self._cache.bring(kept, slot)
        elif moved:
            assert isinstance(source, Slot)
            self._model.kv.copy(source.index, slot.index)
            slot.become(source)

    def _marks(self, sequence: Sequence) -> frozenset[int]:
        """Where checkpoints are made while the prompt is decoded: before its end, where the next turn of a conversation
        will go on, and where it parts from another, as the next one will too."""
        prompt, unit = sequence.prompt, self._model.options.chunk
        parts = (common_prefix(held.tokens, prompt, len(prompt)) for held in (*self._slots, *self._cache.kept))
        return frozenset(length // unit * unit for length in (len(prompt) - _TAIL, max(parts)))

    def _keep(self, slot: Slot, length: int) -> None:
        if length < len(slot.tokens) or length == 0:
            if length and (length < slot.floor or not self._model.rewindable):
                (point,) = (point for point in slot.checkpoints if point.length == length)
                self._model.kv.restore(slot.index, point.state, end_only=True)
            if not self._model.kv.truncate(slot.index, slot.position(length) if length else -1):
                raise RuntimeError(f"slot {slot.index} cannot be cut to {length} tokens")
            slot.cut(length)

    # Step 4

    def _step(self) -> None:
        running = [slot for slot in self._slots if slot.sequence and slot.sequence.sampled]
        if not running:
            return
        with self._pace.step():
            for rows in calls(self._draft(running), self._slots, self._exact, rewindable=self._model.rewindable):
                self._sample(self._decode_rows(rows), [row.slot for row in rows if row.real])

    def _exact(self, slot: Slot) -> bool:
        return slot.sequence is not None and not self._policy(slot.sequence).company

    def _decode_rows(self, rows: list[Row]) -> NDArray[np.float32]:
        """Decode one call of a step; the logits of its real rows, which are the first of those given."""
        sequences = [row.slot.sequence if row.real else None for row in rows]
        logits = self._model.decode_step(
            [row.slot.index for row in rows],
            [sequence.last if sequence else 0 for sequence in sequences],
            [row.slot.position(len(row.slot.tokens)) + row.ahead for row in rows],
            [row.given for row in rows],
            steady=any(sequence and self._policy(sequence).repeatable for sequence in sequences),
        )
        for row, sequence in zip(rows, sequences, strict=True):
            if sequence:
                row.slot.tokens.append(sequence.last)
            else:
                self._model.kv.truncate(row.slot.index, row.slot.position(len(row.slot.tokens)))
        return logits[: sum(row.real for row in rows)]

    def _sample(self, logits: NDArray[np.float32], slots: list[Slot]) -> None:
        drawn = self._sampler.sample(logits, [slot.index for slot in slots])
        for row, (slot, token) in enumerate(zip(slots, drawn.tokens, strict=True)):
            self._take(slot, token, drawn.logprobs.get(row))

    def _take(self, slot: Slot, token: int, known: TokenLogprobs | None) -> None:
        """Hand the next token of a slot on; the slot is free if it was the last one."""
        sequence = slot.sequence
        assert sequence is not None
        if token == NO_TOKEN:
            self._out.append((sequence.stream, InternalError("the model gave no usable logits for this request")))
            self._release(slot)
            return
        if token in self._model.tokenizer.end_ids:
            sampled = TokenBatch(sequence.choice, (), finish="stop")
        else:
            sequence.sampled += 1
            sequence.last = token
            logprobs = (TokenLogprob(token, known.logprob, known.top),) if known else ()
            full = sequence.sampled >= sequence.limit
            sampled = TokenBatch(sequence.choice, (token,), logprobs, "length" if full else None)
        self._out.append((sequence.stream, sampled))
        if sampled.finish:
            self._release(slot)

    # Step 4, guesses

    def _draft(self, running: list[Slot]) -> list[Slot]:
        """Decode the running slots with a guess, each in a call of its own; those that are left."""
        if len(running) > _FEW or not self._model.rewindable:
            return running
        left = []
        for slot in running:
            assert slot.sequence is not None
            policy = self._policy(slot.sequence)
            room = min(slot.sequence.trust, self._model.outputs - 1, slot.sequence.limit - slot.sequence.sampled - 1)
            guesses = (draft.tokens(slot) for draft in self._drafts)
            guess = next((guess[:room] for guess in guesses if guess[:room]), ()) if room > 0 else ()
            if guess and not (policy.repeatable and policy.company):
                self._verify(slot, slot.sequence, guess)
            else:
                left.append(slot)
        return left

    def _verify(self, slot: Slot, sequence: Sequence, guess: Tokens[int]) -> None:
        """Decode the newest token and `guess` in one call, and draw one token after the other, for as long as the guess
        was right. What is drawn is what would be drawn without it."""
        position = slot.position(len(slot.tokens))
        logits = self._model.decode_prompt(
            slot.index, (sequence.last, *guess), position, rows=range(len(guess) + 1), step=True
        )
        drawn: list[tuple[int, TokenLogprobs | None]] = []
        for row in range(len(guess) + 1):
            one = self._sampler.sample(logits[row : row + 1], [slot.index])
            drawn.append((one.tokens[0], one.logprobs.get(0)))
            if row == len(guess) or one.tokens[0] != guess[row] or guess[row] in self._model.tokenizer.end_ids:
                break
        right = len(drawn) - 1
        sequence.trust = min(MOST, 2 * sequence.trust) if right == len(guess) else max(1, right)
        slot.tokens += [sequence.last, *guess[:right]]
        self._model.kv.truncate(slot.index, slot.position(len(slot.tokens)))
        for token, known in drawn:
            self._take(slot, token, known)
