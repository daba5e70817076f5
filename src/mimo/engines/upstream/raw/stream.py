"""The tokens of one `TokenRequest` from a raw route: a request for every choice, batches in the order they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from mimo.engines.base import TokenStream
from mimo.engines.merge import merge
from mimo.engines.upstream.raw.choice import ChoiceStream
from mimo.types import TokenBatch, TokenRequest

if TYPE_CHECKING:
    from mimo.engines.upstream.raw.engine import RawEngine


class RawStream(TokenStream):
    """One generation on a raw route."""

    def __init__(self, engine: RawEngine, generation: TokenRequest) -> None:
        self.choices = [ChoiceStream(engine, generation, choice) for choice in range(generation.n)]
        self._engine = engine

    async def accepted(self) -> None:
        if len(self.choices) == 1:
            return await self.choices[0].open()
        await asyncio.gather(*(choice.open() for choice in self.choices))

    async def __aiter__(self) -> AsyncIterator[list[TokenBatch]]:
        try:
            single = len(self.choices) == 1
            async for batch in (
                self.choices[0].batches() if single else merge([choice.batches() for choice in self.choices])
            ):
                self.cached_tokens = max(choice.cached for choice in self.choices)
                yield batch
            self.cached_tokens = max(choice.cached for choice in self.choices)
        finally:
            self.close()

    def close_choice(self, choice: int) -> None:
        self.choices[choice].close()

    def close(self) -> None:
        for choice in self.choices:
            choice.close()
        self._engine.forget(self)

    def fail(self) -> None:
        """The engine is closing: the reader gets `ServiceUnavailable`."""
        for choice in self.choices:
            choice.failed = True
            choice.close()
