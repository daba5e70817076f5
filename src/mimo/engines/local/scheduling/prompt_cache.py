"""Prompts and answers that no slot holds any more, kept in memory up to a limit: what was used longest ago goes first.

An entry is a copy of a slot, bit for bit: a prompt that begins with its tokens is decoded from there on. Used by the
scheduler's thread alone. Which of an entry's tokens may be reused is the caller's to say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mimo.engines.local.model.model import LocalModel
from mimo.engines.local.sequence import KvPrefix, Slot, common_prefix


@dataclass(slots=True, eq=False)
class Kept(KvPrefix):
    """A copy of a slot."""

    state: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))

    @property
    def size(self) -> int:
        """Bytes, but for the tokens themselves."""
        return self.state.nbytes + self.noted


MOST = 256
"""Entries: to look through more takes longer than to decode a short prompt."""


class PromptCache:
    """Copies of `model`'s slots, and the checkpoints in them: at most `limit` bytes of both; 0: none."""

    def __init__(self, model: LocalModel, slots: Sequence[Slot], limit: int) -> None:
        self._model = model
        self._slots = slots
        self.limit = limit
        self.size = 0
        """Bytes of the copies."""
        self.kept: list[Kept] = []
        """The newest last."""

    def keep(self, slot: Slot) -> bool:
        """Copy what `slot` holds, unless it is kept already; False if there is no room for it however much goes."""
        if any(self._covers(kept, slot) for kept in self.kept):
            return True
        room = self.limit - self._noted()
        size = self._model.kv.state_size(slot.index) + slot.noted
        if size > room:
            return False
        self._drop_if(lambda kept: self._covers(slot, kept))
        self._shrink(room - size, MOST - 1)
        kept = Kept(state=self._model.kv.state(slot.index))
        kept.become(slot)
        kept.floor = 0 if self._model.cuttable else len(kept.tokens)
        self.kept.append(kept)
        self.size += kept.size
        return True

    def note(self, slot: Slot) -> None:
        """Make a checkpoint of `slot` if there is room for it."""
        size = self._noted() + self._model.kv.state_size(slot.index, end_only=True)
        if size <= self.limit:
            self._shrink(self.limit - size, MOST)
            slot.note(self._model.kv.state(slot.index, end_only=True))

    def best(self, reusable: Callable[[KvPrefix], int], least: int) -> Kept | None:
        """The entry of which `reusable` gives the most tokens; None where no entry gives `least`."""
        best = max(self.kept, key=reusable, default=None)
        return best if best is not None and reusable(best) >= least else None

    def bring(self, kept: Kept, slot: Slot) -> None:
        """Make `slot` hold what `kept` does; it holds nothing if there is no room."""
        slot.cut(0)
        if self._model.kv.restore(slot.index, kept.state):
            slot.become(kept)
        if kept in self.kept:  # it may have made room for what was in the slot
            self.kept.remove(kept)
            self.kept.append(kept)

    def clear(self) -> None:
        """Drop everything."""
        self.kept.clear()
        self.size = 0

    def _noted(self) -> int:
        """Bytes of the checkpoints in slots."""
        return sum(slot.noted for slot in self._slots)

    def _shrink(self, size: int, most: int) -> None:
        """Drop what was used longest ago, down to `size` bytes and `most` entries."""
        while self.kept and (self.size > size or len(self.kept) > most):
            self.size -= self.kept.pop(0).size

    def _drop_if(self, unwanted: Callable[[Kept], bool]) -> None:
        self.kept = [kept for kept in self.kept if not unwanted(kept)]
        self.size = sum(kept.size for kept in self.kept)

    def _covers(self, long: KvPrefix, short: KvPrefix) -> bool:
        """Whether `long` is good for every prompt that `short` is good for."""
        length = len(short.tokens)
        if self._model.cuttable:
            if long.from_prompt < short.from_prompt:
                return False
        elif length != len(long.tokens):
            return False
        return common_prefix(long.tokens, tuple(short.tokens), length) == length
