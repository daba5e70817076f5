"""The slots of a model: which are free, which decode a prompt, which are sampled; cut and freed.

What a slot has, it has in two places that change together: its tokens here, and their KV in llama.cpp's memory.
"""

from __future__ import annotations

from collections import deque

from mimo.engines.local.model.model import LocalModel
from mimo.engines.local.sequence import LocalStream, Sequence, Slot
from mimo.sampling import Sampler


class Slots:
    """All slots, by index. `prefilling`: those whose prompt is not decoded yet, the next one first."""

    def __init__(self, model: LocalModel, sampler: Sampler) -> None:
        self._model = model
        self._sampler = sampler
        self.all = [Slot(index=index) for index in range(model.slots)]
        self.prefilling: deque[Slot] = deque()

    @property
    def free(self) -> list[Slot]:
        """Those without a sequence."""
        return [slot for slot in self.all if slot.sequence is None]

    @property
    def sampled(self) -> list[Slot]:
        """Those whose answer has begun."""
        return [slot for slot in self.all if slot.sequence and slot.sequence.sampled]

    @property
    def busy(self) -> int:
        """How many have a sequence."""
        return sum(slot.sequence is not None for slot in self.all)

    @property
    def streams(self) -> set[LocalStream]:
        """Whose sequences are in slots."""
        return {slot.sequence.stream for slot in self.all if slot.sequence}

    def fill(self, slot: Slot, sequence: Sequence) -> None:
        """Give a free slot to `sequence`, whose prompt is to be decoded."""
        slot.sequence = sequence
        self.prefilling.append(slot)

    def release(self, slot: Slot) -> None:
        """Free `slot`; its tokens stay for prompts that begin with them."""
        slot.sequence = None
        self._sampler.end(slot.index)
        if slot in self.prefilling:
            self.prefilling.remove(slot)
        if len(slot.tokens) >= self._model.context_window and self._model.rewindable:  # leave room for a dummy token
            self.cut(slot, self._model.context_window - 1)

    def release_choice(self, stream: LocalStream, choice: int) -> None:
        """Free the slot of a choice, if it has one."""
        for slot in self.all:
            if slot.sequence and slot.sequence.stream is stream and slot.sequence.choice == choice:
                self.release(slot)

    def cut(self, slot: Slot, length: int) -> None:
        """Forget the tokens of `slot` from `length` on."""
        kv = self._model.kv
        if length < len(slot.tokens) or length == 0:
            if length and (length < slot.floor or not self._model.rewindable):
                (point,) = (point for point in slot.checkpoints if point.length == length)
                kv.restore(slot.index, point.state, end_only=True)
            if not kv.truncate(slot.index, slot.position(length) if length else -1):
                raise RuntimeError(f"slot {slot.index} cannot be cut to {length} tokens")
            slot.cut(length)

    def clear(self) -> None:
        """Free all; what they had is gone from llama.cpp's memory, or will be."""
        self.prefilling.clear()
        for slot in self.all:
            slot.sequence = None
            slot.cut(0)
