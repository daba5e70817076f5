"""What a policy decides: how much of a cached prefix is reused, how a prompt is cut, and what a step may hold.

A prompt is cut at multiples of the chunk. A call may hold several whole chunks: a row's bits are the same as in calls
of one chunk each (`test_invariance.py` holds it), so that what one sequence has decoded in whole chunks is good for
every other one. Knows no scheduler.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from mimo.engines.local.model.model import LocalModel
from mimo.engines.local.model.options import MOST_TOKENS
from mimo.engines.local.runs import after_whole, before_medium
from mimo.engines.local.sequence import KvPrefix, Slot, common_prefix

JOINED = 64
"""Whole chunks of a multiple of so many tokens have the same bits in one call as in calls of their own: attention is
computed by tiles of so many rows."""


class Policy(ABC):
    """Decides for the sequences of one `model` that follow it."""

    name: ClassVar[str]
    repeatable: ClassVar[bool] = False
    """Whether a seed gives the same tokens again, at least while nothing else runs. Then a call with a single row is
    computed by the same number of threads every time: attention is cut by them."""
    company: ClassVar[bool] = True
    """Whether the result may depend on the other rows of a step."""

    def __init__(self, model: LocalModel) -> None:
        self._model = model
        self._chunk = model.options.chunk
        joined = MOST_TOKENS // self._chunk if model.rewindable and self._chunk % JOINED == 0 else 1
        self._most_chunks = max(1, joined)

    @abstractmethod
    def reusable(self, prefix: KvPrefix, prompt: tuple[int, ...]) -> int:
        """Tokens of `prompt` that `prefix` has in a form that may be used; at least one is left to decode."""

    @abstractmethod
    def cut(self, slot: Slot, prompt: tuple[int, ...], room: int) -> int:
        """How many tokens of `prompt` the next call decodes, after those in `slot`; about `room`, and at least one."""

    def _whole_chunks(self, prompt: tuple[int, ...], start: int, room: int) -> int:
        """Tokens of the next call after the `start` first ones of a prompt: whole chunks, and what is left by itself;
        none of them ends in the midst of rows that are decoded in one call.

        Never all but one: a call with one row is computed otherwise, and not the same on any number of threads.
        """
        rest, chunk = len(prompt) - start, self._chunk
        chunks = min(rest // chunk, self._most_chunks, max(1, room // chunk))
        if chunks and rest - chunks * chunk == 1 and chunk > 2:
            chunks -= 1
            size = chunks * chunk or chunk - 1
        else:
            size = chunks * chunk or rest
        return after_whole(prompt, start + size, chunk) - start

    def _shared(self, prefix: KvPrefix, prompt: tuple[int, ...], known: int, left: int) -> int:
        """How many of the `known` first tokens of `prefix` begin `prompt`, of which `left` at least are not counted."""
        return common_prefix(prefix.tokens, prompt, min(known, len(prompt) - left))

    def _cut_to(self, prefix: KvPrefix, length: int, grain: int = 1) -> int:
        """The most tokens, up to `length`, that `prefix` can be cut to; of fewer than it has, a multiple of `grain`."""
        length = before_medium(prefix.tokens, length, grain)
        if length == len(prefix.tokens) or (self._model.rewindable and length >= prefix.floor):
            return length
        return max((point.length for point in prefix.checkpoints if point.length <= length), default=0)
