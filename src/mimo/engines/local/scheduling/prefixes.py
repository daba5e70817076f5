"""What of a prompt need not be decoded: brought into its slot from another slot, or from the prompt cache.

How much of a prefix may be reused is the policy's to say (`policies/`).
"""

from __future__ import annotations

from collections.abc import Mapping

from mimo.engines.local.model.model import LocalModel
from mimo.engines.local.policies.base import Policy
from mimo.engines.local.scheduling.prompt_cache import PromptCache
from mimo.engines.local.scheduling.slots import Slots
from mimo.engines.local.sequence import KvPrefix, Sequence, Slot, common_prefix

WORTH_MOVING = 64
"""Tokens: a shorter prefix is decoded again sooner than another slot's memory is copied."""
_TAIL = 16
"""Tokens at the end of a prompt that its next turn does not repeat: they ask for the answer."""


class Prefixes:
    """Prefixes in the `slots` of `model` and in its `cache`."""

    def __init__(self, model: LocalModel, slots: Slots, cache: PromptCache, policies: Mapping[str, Policy]) -> None:
        self._model = model
        self._slots = slots
        self._cache = cache
        self._policies = policies

    def best_slot(self, free: list[Slot], sequence: Sequence) -> Slot:
        """The one of the `free` slots that has most of the prompt, the lowest where none has much more."""
        best = max(free, key=lambda slot: (self._reusable(slot, sequence), -slot.index))
        enough = self._reusable(free[0], sequence) + WORTH_MOVING
        return best if self._reusable(best, sequence) >= enough else free[0]

    def bring(self, slot: Slot, sequence: Sequence) -> int:
        """Bring as much of the prompt into the slot as some slot already has, or the prompt cache; how many tokens."""
        if not self._model.cuttable:
            sequence.marks = self._marks(sequence)
        self._copy(slot, sequence)
        kept = self._reusable(slot, sequence)
        self._slots.cut(slot, kept)
        return kept

    def _reusable(self, known: KvPrefix, sequence: Sequence) -> int:
        """Tokens of the prompt that `known` has in a form that may be used."""
        if sequence.reads is not None:
            return 0  # what is not decoded gives no logits
        return self._policies[sequence.policy].reusable(known, sequence.prompt)

    def _copy(self, slot: Slot, sequence: Sequence) -> None:
        """Copy a slot or an entry of the cache into `slot` where that has more of the prompt; keep what was in it."""

        def reusable(known: KvPrefix) -> int:
            return self._reusable(known, sequence)

        source: KvPrefix = max(self._slots.all, key=reusable)
        least = max(reusable(source) + 1, reusable(slot) + WORTH_MOVING)
        kept = self._cache.best(reusable, least)
        moved = kept is not None or reusable(source) >= reusable(slot) + WORTH_MOVING
        if moved or len(slot.tokens) >= reusable(slot) + WORTH_MOVING:
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
        parts = (common_prefix(known.tokens, prompt, len(prompt)) for known in (*self._slots.all, *self._cache.kept))
        return frozenset(length // unit * unit for length in (len(prompt) - _TAIL, max(parts)))
