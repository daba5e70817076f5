"""Tokens that a grammar forces: the rest of a JSON key, the markup of a call. Their text is certain, and how the model
cuts it nearly so."""

from __future__ import annotations

from collections.abc import Sequence as Tokens

from mimo.engines.local.drafts.base import Draft
from mimo.engines.local.sequence import Slot


class Forced(Draft):
    """Asks the constraint of the choice."""

    def tokens(self, slot: Slot) -> Tokens[int]:
        return self._sampler.expected(slot.index)
