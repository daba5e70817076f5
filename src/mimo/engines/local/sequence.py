"""What the scheduler moves about: a choice being sampled, the slot it sits in, and the stream its tokens leave by.

`Sequence` and `Slot` belong to the scheduler's thread, `LocalStream` to the event loop; they meet only where the
scheduler hands over a step's deliveries.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from mimo.contract.errors import ApiError
from mimo.engines.base import TokenStream
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
    """One choice of a request. `limit`: tokens it may sample; `policy`: by name, how it is decoded; `sampled`: how many
    tokens it has; `last`: the newest."""

    stream: LocalStream
    choice: int
    prompt: tuple[int, ...]
    limit: int
    policy: str
    started: bool = False
    sampled: int = 0
    last: int = -1

    @property
    def reads(self) -> int | None:
        """How many of the likeliest tokens it notes at each position of the prompt, None: nothing. One choice does."""
        return self.stream.request.prompt_logprobs if self.choice == 0 else None


@dataclass(slots=True, eq=False)
class Slot:
    """A sequence's part of the KV cache. `tokens`: what it holds; the first `from_prompt` of them were decoded in whole
    chunks of a prompt."""

    index: int
    tokens: list[int] = field(default_factory=list)
    from_prompt: int = 0
    sequence: Sequence | None = None


def common_prefix(left: list[int], right: tuple[int, ...], limit: int) -> int:
    """How many of the first `limit` items are equal, by bisection over slices (compared at C speed)."""
    low, high = 0, min(len(left), len(right), limit)
    while low < high:
        middle = (low + high + 1) // 2
        if tuple(left[low:middle]) == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
