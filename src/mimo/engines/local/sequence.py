"""What the scheduler moves about: a choice being sampled, the slot it sits in, and the stream its tokens leave by.

`Sequence` and `Slot` belong to the scheduler's thread, `LocalStream` to the event loop; they meet only where the
scheduler hands over a step's deliveries.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from collections.abc import Sequence as Tokens
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mimo.contract.errors import ApiError
from mimo.engines.base import TokenStream
from mimo.engines.local.runs import rows_inside, savings
from mimo.types import TokenBatch, TokenLogprob, TokenRequest


class LocalStream(TokenStream):
    """The event loop's end of one request."""

    def __init__(self, request: TokenRequest, cancel: Callable[[LocalStream, int], None]) -> None:
        self.request = request
        self.open = set(range(request.n))
        self.prompt_logprobs: list[TokenLogprob] = []
        self._cancel = cancel
        self._ready: list[TokenBatch] = []
        self._error: ApiError | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def __aiter__(self) -> AsyncIterator[list[TokenBatch]]:
        loop = asyncio.get_running_loop()
        try:
            while True:
                if self._ready:
                    batch, self._ready = self._ready, []
                    yield batch
                elif self._error:
                    raise self._error
                elif not self.open:
                    return
                else:
                    self._waiter = loop.create_future()
                    await self._waiter
        finally:
            self.close()

    def put(self, sampled: TokenBatch) -> None:
        """More tokens arrived (event loop only)."""
        if sampled.choice in self.open:
            self._ready.append(sampled)
            if sampled.finish:
                self.open.discard(sampled.choice)
            self._wake()

    def fail(self, error: ApiError) -> None:
        """The engine cannot go on (event loop only); what is ready is still read first."""
        self._error = error
        self.open.clear()
        self._wake()

    def close_choice(self, choice: int) -> None:
        if choice in self.open:
            self.open.discard(choice)
            self._cancel(self, choice)
            self._wake()

    def close(self) -> None:
        for choice in list(self.open):
            self.close_choice(choice)

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)


@dataclass(slots=True, eq=False)
class Sequence:
    """One choice of a request. `limit`: tokens it may sample; `policy`: by name, how it is decoded; `marks`: after
    how many tokens of the prompt a checkpoint is made; `sampled`: how many tokens it has; `last`: the newest;
    `trust`: tokens that are guessed at once, as many as were right lately."""

    stream: LocalStream
    choice: int
    prompt: tuple[int, ...]
    limit: int
    policy: str
    started: bool = False
    marks: frozenset[int] = frozenset()
    sampled: int = 0
    last: int = -1
    trust: int = 4

    @property
    def reads(self) -> int | None:
        """How many of the likeliest tokens it notes at each position of the prompt, None: nothing. One choice does."""
        return self.stream.request.prompt_logprobs if self.choice == 0 else None


MOST_CHECKPOINTS = 4
"""Of one sequence: 50 MB each for a model of nine billion weights."""


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """What only the end of a sequence has, recurrent state and sliding windows, after the first `length` tokens."""

    length: int
    state: NDArray[np.uint8]


@dataclass(slots=True, eq=False)
class KvPrefix:
    """Tokens whose KV is somewhere. The first `from_prompt` of them were decoded in whole chunks of a prompt; those
    from `floor` on can be taken back, and more of them at the `checkpoints`, by length. `saved`: for each medium that
    takes fewer positions than rows, how many tokens there are up to its end, and how many positions fewer."""

    tokens: list[int] = field(default_factory=list)
    from_prompt: int = 0
    floor: int = 0
    checkpoints: list[Checkpoint] = field(default_factory=list)
    saved: list[tuple[int, int]] = field(default_factory=list)

    @property
    def noted(self) -> int:
        """Bytes of the checkpoints."""
        return sum(checkpoint.state.nbytes for checkpoint in self.checkpoints)

    def position(self, length: int) -> int:
        """Of the token after the first `length`; in the midst of a medium that takes fewer positions than rows, of the
        medium."""
        if not self.tokens or (not self.saved and self.tokens[-1] >= 0):
            return length
        inside = rows_inside(self.tokens, length) if length else 0
        return length - inside - sum(saved for end, saved in self.saved if end <= length)

    def take(self, tokens: Tokens[int]) -> None:
        """Hold `tokens` too."""
        if min(tokens) < 0:
            self.saved += ((len(self.tokens) + at, saved) for at, saved in savings(tokens))
        self.tokens += tokens

    def cut(self, length: int) -> None:
        """Forget the tokens from `length` on."""
        del self.tokens[length:]
        self.saved = [(end, saved) for end, saved in self.saved if end <= length]
        self.from_prompt, self.floor = min(self.from_prompt, length), min(self.floor, length)
        self.checkpoints = [checkpoint for checkpoint in self.checkpoints if checkpoint.length <= length]

    def note(self, state: NDArray[np.uint8]) -> None:
        """A checkpoint after all tokens. The first one and the newest are kept: it is the start that others share."""
        self.checkpoints.append(Checkpoint(len(self.tokens), state))
        del self.checkpoints[1 : max(1, len(self.checkpoints) - MOST_CHECKPOINTS + 1)]

    def become(self, other: KvPrefix) -> None:
        """Hold what `other` holds."""
        self.tokens, self.from_prompt, self.floor = other.tokens.copy(), other.from_prompt, other.floor
        self.checkpoints, self.saved = other.checkpoints.copy(), other.saved.copy()


@dataclass(slots=True, eq=False, kw_only=True)
class Slot(KvPrefix):
    """A sequence's part of the KV cache."""

    index: int
    sequence: Sequence | None = None


def common_prefix(left: list[int], right: tuple[int, ...], limit: int) -> int:
    """How many of the first `limit` items are equal: by slices (compared at C speed) that grow, and then bisected, so
    that what differs early costs little."""
    low, high, step = 0, min(len(left), len(right), limit), 16
    while low + step <= high and tuple(left[low : low + step]) == right[low : low + step]:
        low, step = low + step, 2 * step
    high = min(high, low + step)
    while low < high:
        middle = (low + high + 1) // 2
        if tuple(left[low:middle]) == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
