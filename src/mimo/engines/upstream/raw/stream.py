"""The tokens of one `TokenRequest` from a raw route: a request for every choice, their batches in the order they come.
Where log-probabilities of the prompt are wanted, a request for these comes first.

Knows no engine's format.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from mimo.engines.base import TokenStream
from mimo.engines.merge import merge
from mimo.engines.upstream.raw.choice import ChoiceStream
from mimo.engines.upstream.raw.route import RawRoute
from mimo.types import TokenBatch, TokenRequest


class RawStream(TokenStream):
    """One request on `route`, with `room` tokens of the window. `forget(stream)`: called when it is closed;
    `by_token`: every token is a request of its own."""

    def __init__(
        self,
        route: RawRoute,
        request: TokenRequest,
        room: int,
        forget: Callable[[RawStream], None],
        by_token: bool = False,
    ) -> None:
        self.choices = [ChoiceStream(route, request, choice, room, by_token) for choice in range(request.n)]
        self._forget = forget
        self._route = route
        self._prompt = request.prompt
        self._unread = request.prompt_logprobs if len(request.prompt) > 1 else None

    async def accepted(self) -> None:
        await self._read_prompt()
        if len(self.choices) == 1:
            return await self.choices[0].open()
        await asyncio.gather(*(choice.open() for choice in self.choices))

    async def __aiter__(self) -> AsyncIterator[list[TokenBatch]]:
        await self._read_prompt()
        sources = [choice.batches() for choice in self.choices]
        try:
            async for batch in sources[0] if len(sources) == 1 else merge(sources):
                self.cached_tokens = max(choice.cached for choice in self.choices)
                yield batch
            self.cached_tokens = max(choice.cached for choice in self.choices)
        finally:
            self.close()

    async def _read_prompt(self) -> None:
        """Ask for the log-probabilities of the prompt, unless they are here or not wanted."""
        if self._unread is not None:
            self.prompt_logprobs = await self._route.read_prompt(self._prompt, self._unread)
            self._unread = None

    def close_choice(self, choice: int) -> None:
        self.choices[choice].close()

    def close(self) -> None:
        for choice in self.choices:
            choice.close()
        self._forget(self)

    def fail(self) -> None:
        """The engine is closing: the reader gets `ServiceUnavailable`."""
        for choice in self.choices:
            choice.failed = True
            choice.close()
