"""As fast as it goes.

Any prefix is reused, generated tokens too. Whole chunks are decoded as the other policies decode them, as long as what
is before them was: it costs a call for the rest of a prompt, and the next prompt, of any client, finds them good.
"""

from __future__ import annotations

from typing import ClassVar

from mimo.engines.local.model.options import MOST_TOKENS
from mimo.engines.local.policies.base import Policy
from mimo.engines.local.sequence import KvPrefix, Slot


class Throughput(Policy):
    """Nothing is repeated."""

    name: ClassVar[str] = "throughput"

    def reusable(self, prefix: KvPrefix, prompt: tuple[int, ...]) -> int:
        return self._cut_to(prefix, self._shared(prefix, prompt, len(prefix.tokens), 1))

    def cut(self, slot: Slot, prompt: tuple[int, ...], room: int) -> int:
        start = len(slot.tokens)
        if slot.from_prompt == start:
            return self._whole_chunks(prompt, start, room)
        rest = len(prompt) - start
        return min(rest, max(self._chunk, room), MOST_TOKENS if self._most_chunks > 1 else self._chunk)
