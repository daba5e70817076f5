"""Several choices read at once, their batches in the order they come. Knows nothing of what is in them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from mimo.engines.base import Sampled

if TYPE_CHECKING:
    from mimo.engines.upstream.stream import ChoiceStream


async def merged(choices: Sequence[ChoiceStream]) -> AsyncIterator[list[Sampled]]:
    """The batches of all `choices`; the first that fails ends all, with its error."""
    ready: asyncio.Queue[list[Sampled] | BaseException | None] = asyncio.Queue()

    async def read(choice: ChoiceStream) -> None:
        try:
            async for batch in choice.batches():
                ready.put_nowait(batch)
            ready.put_nowait(None)
        except Exception as problem:
            ready.put_nowait(problem)

    tasks = [asyncio.create_task(read(choice)) for choice in choices]
    try:
        left = len(tasks)
        while left:
            batch: list[Sampled] = []
            item = await ready.get()
            while True:
                if isinstance(item, BaseException):
                    raise item
                if item is None:
                    left -= 1
                else:
                    batch += item
                if ready.empty():
                    break
                item = ready.get_nowait()
            if batch:
                yield batch
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
