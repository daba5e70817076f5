"""Logits → the next token of every slot, as its stream gets it; a slot whose answer has ended is free.

Knows no prompt: what is drawn and how is the sampler's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from mimo.contract.errors import InternalError
from mimo.engines.local.scheduling.deliveries import Deliveries
from mimo.engines.local.scheduling.slots import Slots
from mimo.engines.local.sequence import Slot
from mimo.sampling import NO_TOKEN, Sampler, TokenLogprobs
from mimo.types import TokenBatch, TokenLogprob


class Draws:
    """Draws with `sampler`; a token of `end_ids` ends an answer."""

    def __init__(self, sampler: Sampler, slots: Slots, end_ids: Collection[int], out: Deliveries) -> None:
        self._sampler = sampler
        self._slots = slots
        self._end_ids = end_ids
        self._out = out

    def draw(self, logits: NDArray[np.float32], slots: list[Slot]) -> None:
        """Draw a token for each of `slots` from its row of `logits`, all of them at once."""
        drawn = self._sampler.sample(logits, [slot.index for slot in slots])
        for row, (slot, token) in enumerate(zip(slots, drawn.tokens, strict=True)):
            self.take(slot, token, drawn.logprobs.get(row))

    def draw_along(
        self, logits: NDArray[np.float32], slot: Slot, guess: Sequence[int]
    ) -> list[tuple[int, TokenLogprobs | None]]:
        """Draw from one row of `logits` after the other, for as long as `guess`, which the rows follow, is right: what
        is drawn is what would be drawn without it. To be handed on by `take`."""
        drawn: list[tuple[int, TokenLogprobs | None]] = []
        for row in range(len(guess) + 1):
            one = self._sampler.sample(logits[row : row + 1], [slot.index])
            drawn.append((one.tokens[0], one.logprobs.get(0)))
            if row == len(guess) or one.tokens[0] != guess[row] or guess[row] in self._end_ids:
                break
        return drawn

    def take(self, slot: Slot, token: int, known: TokenLogprobs | None) -> None:
        """Hand the next token of a slot on; the slot is free if it was the last one."""
        sequence = slot.sequence
        assert sequence is not None
        if token == NO_TOKEN:
            self._out.add(sequence.stream, InternalError("the model gave no usable logits for this request"))
            self._slots.release(slot)
            return
        if token in self._end_ids:
            sampled = TokenBatch(sequence.choice, (), finish="stop")
        else:
            sequence.sampled += 1
            sequence.last = token
            logprobs = (TokenLogprob(token, known.logprob, known.top),) if known else ()
            full = sequence.sampled >= sequence.limit
            sampled = TokenBatch(sequence.choice, (token,), logprobs, "length" if full else None)
        self._out.add(sequence.stream, sampled)
        if sampled.finish:
            self._slots.release(slot)
