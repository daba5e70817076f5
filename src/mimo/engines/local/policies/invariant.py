"""The same bits in any company.

A row's logits depend, in the last bits, on the shape of the call it is in. Three rules make them equal whatever else
runs: a prompt is cut at multiples of the chunk size, whatever was found in the cache, never into a single token, and
never mixed with other rows; only whole chunks of it are reused by a later prompt, never its last part, nor tokens
decoded one by one; and a step gives the logits of two rows at least (`steps.py`).
"""

from __future__ import annotations

from typing import ClassVar

from mimo.engines.local.policies.base import Policy
from mimo.engines.local.sequence import KvPrefix, Slot


class Invariant(Policy):
    """Bit for bit the same, whatever else runs."""

    name: ClassVar[str] = "invariant"
    repeatable: ClassVar[bool] = True
    company: ClassVar[bool] = False

    def reusable(self, prefix: KvPrefix, prompt: tuple[int, ...]) -> int:
        shared = self._shared(prefix, prompt, prefix.from_prompt, 2)
        return self._cut_to(prefix, shared - shared % self._chunk, self._chunk)

    def cut(self, slot: Slot, prompt: tuple[int, ...], room: int) -> int:
        return self._whole_chunks(prompt, len(slot.tokens), room)


class Alone(Invariant):
    """Bit for bit the same while nothing else runs: for weights whose fast kernels depend on the number of rows."""

    name: ClassVar[str] = "alone"
    company: ClassVar[bool] = True
