"""Decodes one token of every running sequence, and draws the next of all; while few run, verifies guesses.

Which rows a call holds is `steps.py`; what is guessed, `drafts/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mimo.engines.local.drafts.base import MOST, Draft
from mimo.engines.local.model.model import LocalModel
from mimo.engines.local.policies.base import Policy
from mimo.engines.local.scheduling.draws import Draws
from mimo.engines.local.scheduling.slots import Slots
from mimo.engines.local.scheduling.steps import Row, calls
from mimo.engines.local.sequence import Slot

_FEW = 2
"""Sequences: with more, calls of their own for guesses cost more than they save."""


class Answers:
    """The running answers in `slots`. `drafts`: who guesses, in order."""

    def __init__(
        self,
        model: LocalModel,
        slots: Slots,
        policies: Mapping[str, Policy],
        drafts: Sequence[Draft],
        draws: Draws,
    ) -> None:
        self._model = model
        self._slots = slots
        self._policies = policies
        self._drafts = drafts
        self._draws = draws

    def step(self, running: list[Slot]) -> None:
        """Go on with all of `running`."""
        left = self._guess(running)
        for rows in calls(left, self._slots.all, self._exact, rewindable=self._model.rewindable):
            self._draws.draw(self._decode(rows), [row.slot for row in rows if row.real])

    def _policy(self, slot: Slot) -> Policy:
        assert slot.sequence is not None
        return self._policies[slot.sequence.policy]

    def _exact(self, slot: Slot) -> bool:
        return slot.sequence is not None and not self._policy(slot).company

    def _decode(self, rows: list[Row]) -> NDArray[np.float32]:
        """Decode one call of a step; the logits of its real rows, which are the first of those given."""
        sequences = [row.slot.sequence if row.real else None for row in rows]
        logits = self._model.decode_step(
            [row.slot.index for row in rows],
            [sequence.last if sequence else 0 for sequence in sequences],
            [row.slot.position(len(row.slot.tokens)) + row.ahead for row in rows],
            [row.given for row in rows],
            steady=any(sequence and self._policies[sequence.policy].repeatable for sequence in sequences),
        )
        for row, sequence in zip(rows, sequences, strict=True):
            if sequence:
                row.slot.tokens.append(sequence.last)
            else:
                self._model.kv.truncate(row.slot.index, row.slot.position(len(row.slot.tokens)))
        return logits[: sum(row.real for row in rows)]

    def _guess(self, running: list[Slot]) -> list[Slot]:
        """Go on with those of `running` for which there is a guess, each in a call of its own; those that are left."""
        if len(running) > _FEW or not self._model.rewindable:
            return running
        left = []
        for slot in running:
            if guess := self._guess_for(slot):
                self._verify(slot, guess)
            else:
                left.append(slot)
        return left

    def _guess_for(self, slot: Slot) -> Sequence[int]:
        """The first guess at what follows in `slot`, as long as it may be; empty where there is none."""
        sequence, policy = slot.sequence, self._policy(slot)
        assert sequence is not None
        room = min(sequence.trust, self._model.outputs - 1, sequence.limit - sequence.sampled - 1)
        if room <= 0 or (policy.repeatable and policy.company):
            return ()
        guesses = (draft.tokens(slot)[:room] for draft in self._drafts)
        return next((guess for guess in guesses if guess), ())

    def _verify(self, slot: Slot, guess: Sequence[int]) -> None:
        """Decode the newest token and `guess` in one call, and draw for as long as the guess was right."""
        sequence = slot.sequence
        assert sequence is not None
        position = slot.position(len(slot.tokens))
        logits = self._model.decode_prompt(
            slot.index, (sequence.last, *guess), position, rows=range(len(guess) + 1), step=True
        )
        drawn = self._draws.draw_along(logits, slot, guess)
        right = len(drawn) - 1
        sequence.trust = min(MOST, 2 * sequence.trust) if right == len(guess) else max(1, right)
        slot.tokens += [sequence.last, *guess[:right]]
        self._model.kv.truncate(slot.index, slot.position(len(slot.tokens)))
        for token, known in drawn:
            self._draws.take(slot, token, known)
