"""What followed the last time that the newest three tokens came: for answers that repeat their prompt, as edits of code
and quotations do."""

from __future__ import annotations

from collections.abc import Sequence as Tokens

from mimo.engines.local.drafts.base import Draft
from mimo.engines.local.sequence import Sequence, Slot
from mimo.sampling import Sampler

_GRAM, _TOKENS = 3, 8


class PromptLookup(Draft):
    """Remembers for each slot where every three tokens came last."""

    def __init__(self, sampler: Sampler) -> None:
        super().__init__(sampler)
        self._seen: dict[int, tuple[Sequence, dict[tuple[int, ...], int]]] = {}
        self._until: dict[int, int] = {}

    def tokens(self, slot: Slot) -> Tokens[int]:
        assert slot.sequence is not None
        known = self._seen.get(slot.index)
        if known is None or known[0] is not slot.sequence:
            known = self._seen[slot.index] = slot.sequence, {}
            self._until[slot.index] = _GRAM
        places, tokens = known[1], slot.tokens
        for end in range(self._until[slot.index], len(tokens) + 1):  # what follows the newest is not known yet
            places[tuple(tokens[end - _GRAM : end])] = end
        self._until[slot.index] = len(tokens) + 1
        found = places.get((*tokens[-_GRAM + 1 :], slot.sequence.last))
        return () if found is None else tokens[found : found + _TOKENS]
