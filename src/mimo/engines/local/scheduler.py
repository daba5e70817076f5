"""Continuous batching: which tokens are decoded in the next call, and whose the sampled ones are.

One thread runs `run()`; the event loop talks to it through a queue and gets one hand-over per round. A round is

    1. take orders (new sequences, cancelled ones); sleep when there is nothing to do
    2. give waiting sequences a free slot, the lowest first
    3. decode a chunk of a prompt, in a call of its own, and more of them while few streams wait for it; after the last
       chunk of a prompt, sample its first token
    4. decode one token of every running sequence in one call, and sample all of them at once
    5. hand what was sampled to the event loop

Batch invariance: a row's logits depend, in the last bits, on the shape of the call it is in. Three rules make them
equal bit for bit whatever else runs: a prompt is cut at multiples of the chunk size, whatever was found in the cache,
never into a single token, and never mixed with other rows; only whole chunks of it are reused by a later prompt, never
its last part, nor tokens decoded one by one; and a decode call holds neighbouring slots and gives the logits of at
least two (idle slots among them get a dummy token that is taken back; where many lie idle side by side, there are two
calls).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from mimo.contract.errors import ApiError, InternalError, ServiceUnavailable
from mimo.engines.local.model import LocalModel
from mimo.engines.local.prompt_logprobs import prompt_logprobs
from mimo.engines.local.sequence import LocalStream, Sequence, Slot, common_prefix
from mimo.sampling import NO_TOKEN, Sampler
from mimo.types import TokenBatch, TokenLogprob

log = logging.getLogger(__name__)

Delivery = tuple[LocalStream, TokenBatch | ApiError]
_MOST_CHUNKS = 8  # of prompts between two steps, and only while more prompts wait than streams run
_WIDE_GAP = 8  # from one running slot to the next: beyond it a call of its own costs less than idle rows
_WORTH_MOVING = 64  # tokens: a shorter prefix is decoded again sooner than another slot's memory is copied


class Scheduler:
    """Slots, the queue before them, and the loop that fills and empties them."""

    def __init__(
        self, model: LocalModel, sampler: Sampler, deliver: Callable[[list[Delivery]], None], *, batch_invariant: bool
    ) -> None:
        self._model = model
        self._sampler = sampler
        self._deliver = deliver
        self._invariant = batch_invariant and model.rewindable
        self._orders: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._waiting: deque[Sequence] = deque()
        self._prefilling: deque[Slot] = deque()
        self._slots = [Slot(index) for index in range(model.slots)]
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
                self._model.clear()
            if self._out:
                self._deliver(self._out)
                self._out = []
        with suppress(Empty):
            while True:
                self._orders.get_nowait()()
        self._fail_all(ServiceUnavailable.shutting_down())
        self._deliver(self._out)

    def _round(self) -> None:
        self._take_orders()
        self._admit()
        self._prefill()
        self._step()

    def _take_orders(self) -> None:
        idle = not self._waiting and all(slot.sequence is None for slot in self._slots)
        try:
            while self._open:
                self._orders.get(block=idle)()
                idle = False
        except Empty:
            pass

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
        if len(slot.tokens) >= self._model.context_window:  # leave room for the dummy token
            self._keep(slot, self._model.context_window - 1)

    def _fail_all(self, error: ApiError) -> None:
        streams = {sequence.stream for sequence in self._waiting}
        streams |= {slot.sequence.stream for slot in self._slots if slot.sequence}
        self._out += [(stream, error) for stream in streams]
        self._waiting.clear()
        self._prefilling.clear()
        for slot in self._slots:
            slot.sequence, slot.tokens, slot.from_prompt = None, [], 0

    # Step 2

    def _admit(self) -> None:
        while self._waiting:
            free = [slot for slot in self._slots if slot.sequence is None]
            if not free:
                return
            sequence = self._waiting.popleft()
            best = max(free, key=lambda slot: (self._reusable(slot, sequence), -slot.index))
            if self._reusable(best, sequence) < self._reusable(free[0], sequence) + _WORTH_MOVING:
                best = free[0]
            best.sequence = sequence
            self._prefilling.append(best)

    def _reusable(self, slot: Slot, sequence: Sequence) -> int:
        """Tokens of the prompt that `slot` holds in a form we may use; one is always left to decode, or two."""
        if sequence.reads is not None:
            return 0  # what is not decoded gives no logits
        unit = self._model.options.chunk if self._invariant else 1
        known = slot.from_prompt if self._invariant else len(slot.tokens)
        most = min(known, len(sequence.prompt) - (2 if self._invariant else 1))
        if most < unit:
            return 0
        shared = common_prefix(slot.tokens, sequence.prompt, most)
        if self._invariant:
            return shared - shared % unit
        return shared if self._model.rewindable or shared == len(slot.tokens) else 0

    # Step 3

    def _prefill(self) -> None:
        """Decode prompts, for as many tokens as one chunk has; for more while few streams run that would wait."""
        if not self._prefilling:
            return
        running = len(self._slots) - len(self._prefilling) - sum(slot.sequence is None for slot in self._slots)
        chunks = min(_MOST_CHUNKS, max(1, len(self._prefilling) // (running + 1)))
        room = chunks * self._model.options.chunk
        while room > 0 and (slot := next((s for s in self._prefilling if not self._sibling_ahead(s)), None)):
            room -= self._decode_chunk(slot)

    def _decode_chunk(self, slot: Slot) -> int:
        """Decode the next chunk of the slot's prompt; how many tokens it had."""
        sequence = slot.sequence
        assert sequence is not None
        if not sequence.started:
            self._begin(slot, sequence)
        start, size = len(slot.tokens), self._model.options.chunk
        if self._invariant and len(sequence.prompt) - start == size + 1 and size > 2:
            size -= 1  # a call with one row is computed otherwise, and not the same on any number of threads
        chunk = sequence.prompt[start : start + size]
        whole = start + len(chunk) == len(sequence.prompt)
        logits = self._decode_prompt(slot, sequence, chunk, whole)
        slot.tokens += chunk
        if slot.from_prompt == start and len(chunk) == self._model.options.chunk:
            slot.from_prompt += len(chunk)
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
            return model.decode_prompt(slot.index, chunk, start, last=whole)
        following = sequence.prompt[start + 1 : start + 1 + len(chunk)]
        for first in range(0, len(chunk), model.outputs):
            rows = range(first, min(first + model.outputs, len(chunk)))
            logits = model.decode_prompt(slot.index, chunk, start, rows=rows)
            tokens = following[rows.start : rows.stop]
            known = logits[: len(tokens), : model.tokenizer.valid]
            sequence.stream.prompt_logprobs += prompt_logprobs(known, tokens, sequence.reads)
            if not model.rewindable or (not whole and len(chunk) == len(rows)):
                return logits[-1:]
            model.truncate(slot.index, start or -1)
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
        """Bring as much of the prompt into the slot as some slot already has."""
        request = sequence.stream.request
        constrain = request.constrain
        constraint = constrain(sequence.choice, sequence.limit) if constrain else None
        source = max(self._slots, key=lambda other: self._reusable(other, sequence))
        keep = self._reusable(slot, sequence)
        if self._model.rewindable and self._reusable(source, sequence) >= keep + _WORTH_MOVING:
            keep = self._reusable(source, sequence)
            self._model.copy(source.index, slot.index)
            slot.tokens, slot.from_prompt = source.tokens.copy(), source.from_prompt
        self._keep(slot, keep)
        sequence.started = True
        if sequence.stream.begun is None:
            sequence.stream.begun = perf_counter()
        if sequence.choice == 0:
            sequence.stream.cached_tokens = keep
        self._sampler.begin(slot.index, request.sampling, sequence.choice, constraint)

    def _keep(self, slot: Slot, length: int) -> None:
        if length < len(slot.tokens) or length == 0:
            if not self._model.truncate(slot.index, length if length else -1):
                raise RuntimeError(f"slot {slot.index} cannot be cut to {length} tokens")
            del slot.tokens[length:]
            slot.from_prompt = min(slot.from_prompt, length)

    # Step 4

    def _step(self) -> None:
        running = [slot for slot in self._slots if slot.sequence and slot.sequence.sampled]
        for rows in self._calls(running):
            wanted = [slot.sequence is not None and slot.sequence.sampled > 0 for slot in rows]
            tokens = [
                slot.sequence.last if slot.sequence and want else 0 for slot, want in zip(rows, wanted, strict=True)
            ]
            alone = wanted.index(True) if self._invariant and sum(wanted) == 1 else None
            given = wanted if alone is None else [abs(at - alone) < 2 for at in range(len(rows))]
            logits = self._model.decode_step(
                [slot.index for slot in rows], tokens, [len(slot.tokens) for slot in rows], given
            )
            for slot, token, want in zip(rows, tokens, wanted, strict=True):
                if want:
                    slot.tokens.append(token)
                else:
                    self._model.truncate(slot.index, len(slot.tokens))
            if alone is not None:
                logits = logits[min(alone, 1) :][:1]
            self._sample(logits, [slot for slot, want in zip(rows, wanted, strict=True) if want])

    def _calls(self, running: list[Slot]) -> Iterator[list[Slot]]:
        """The slots of each decode call, which hold the running ones and those that batch invariance adds."""
        if not self._invariant:
            if running:
                yield running
            return
        first = 0
        for at, slot in enumerate(running, 1):
            if at < len(running) and running[at].index - slot.index <= _WIDE_GAP:
                continue
            low, high = running[first].index, slot.index
            if low == high:
                low, high = (low, low + 1) if low + 1 < len(self._slots) else (low - 1, low)
            yield self._slots[low : high + 1]
            first = at

    def _sample(self, logits: NDArray[np.float32], slots: list[Slot]) -> None:
        drawn = self._sampler.sample(logits, [slot.index for slot in slots])
        ends = self._model.tokenizer.end_ids
        for row, (slot, token) in enumerate(zip(slots, drawn.tokens, strict=True)):
            sequence = slot.sequence
            assert sequence is not None
            if token == NO_TOKEN:
                self._out.append((sequence.stream, InternalError("the model gave no usable logits for this request")))
                self._release(slot)
                continue
            if token in ends:
                sampled = TokenBatch(sequence.choice, (), finish="stop")
            else:
                sequence.sampled += 1
                sequence.last = token
                known = drawn.logprobs.get(row)
                logprobs = (TokenLogprob(token, known.logprob, known.top),) if known else ()
                full = sequence.sampled >= sequence.limit
                sampled = TokenBatch(sequence.choice, (token,), logprobs, "length" if full else None)
            self._out.append((sequence.stream, sampled))
            if sampled.finish:
                self._release(slot)
