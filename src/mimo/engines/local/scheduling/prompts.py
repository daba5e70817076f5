"""Decodes prompts between the steps of running streams; after the last call of a prompt its first token is drawn.

Prompts take turns, so that a long one does not hold up a short one. Another choice of a request whose prompt is just
being decoded waits, and gets a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from mimo.engines.local.model.model import LocalModel
from mimo.engines.local.policies.base import Policy
from mimo.engines.local.runs import after_whole
from mimo.engines.local.scheduling.draws import Draws
from mimo.engines.local.scheduling.pace import Pace
from mimo.engines.local.scheduling.prefixes import Prefixes
from mimo.engines.local.scheduling.prompt_cache import PromptCache
from mimo.engines.local.scheduling.prompt_logprobs import prompt_logprobs
from mimo.engines.local.scheduling.slots import Slots
from mimo.engines.local.sequence import Sequence, Slot
from mimo.sampling import Sampler


class Prompts:
    """The prompts in `slots.prefilling`."""

    def __init__(
        self,
        model: LocalModel,
        sampler: Sampler,
        slots: Slots,
        policies: Mapping[str, Policy],
        prefixes: Prefixes,
        cache: PromptCache,
        draws: Draws,
        pace: Pace,
    ) -> None:
        self._model = model
        self._sampler = sampler
        self._slots = slots
        self._policies = policies
        self._prefixes = prefixes
        self._cache = cache
        self._draws = draws
        self._pace = pace

    def decode(self, after_call: Callable[[], None]) -> None:
        """Decode prompts: for as long as those who run may wait, and at least one call."""
        done = 0
        while (room := self._room() - done) > 0:
            slot = next((slot for slot in self._slots.prefilling if not self._sibling_ahead(slot)), None)
            if slot is None:
                return
            done += self._decode_chunk(slot, room)
            after_call()

    def _room(self) -> int:
        """Tokens of prompts that this round may decode."""
        waiting = len(self._slots.prefilling)
        return self._pace.room(waiting, self._slots.busy - waiting) if waiting else 0

    def _decode_chunk(self, slot: Slot, room: int) -> int:
        """Decode more of the slot's prompt, about `room` tokens; how many it was."""
        sequence = slot.sequence
        assert sequence is not None
        if not sequence.started:
            self._begin(slot, sequence)
        start, unit = len(slot.tokens), self._model.options.chunk
        size = self._policies[sequence.policy].cut(slot, sequence.prompt, unit if sequence.reads is not None else room)
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
        self._slots.prefilling.remove(slot)
        if whole:
            self._draws.draw(logits, [slot])
        else:
            self._slots.prefilling.append(slot)
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
            steady = self._policies[sequence.policy].repeatable
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
            for other in self._slots.prefilling
        )

    def _begin(self, slot: Slot, sequence: Sequence) -> None:
        request = sequence.stream.request
        constrain = request.constrain
        constraint = constrain(sequence.choice, sequence.limit) if constrain else None
        kept = self._prefixes.bring(slot, sequence)
        sequence.started = True
        if sequence.stream.begun is None:
            sequence.stream.begun = perf_counter()
        if sequence.choice == 0:
            sequence.stream.cached_tokens = kept
        self._sampler.begin(slot.index, request.sampling, sequence.choice, constraint)
