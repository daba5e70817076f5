"""Several streams read at once as one: the only fan-in of the project. Knows neither tokens nor events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import TypeVar

T = TypeVar("T")


async def merge(sources: Sequence[AsyncIterable[list[T]]]) -> AsyncIterator[list[T]]:
    """The batches of all `sources` in the order they arrive, those that are ready together as one batch.

    The first source that fails ends all of them, with its error. A source is read on only when its last batch was
    taken or is next in line, so a slow reader slows all sources down.
    """
    ready: asyncio.Queue[list[T] | Exception | None] = asyncio.Queue(maxsize=len(sources))

    async def read(source: AsyncIterable[list[T]]) -> None:
        try:
            async for batch in source:
                await ready.put(batch)
            await ready.put(None)
        except Exception as problem:
            await ready.put(problem)

    tasks = [asyncio.create_task(read(source)) for source in sources]
    try:
        running = len(tasks)
        while running:
            batch: list[T] = []
            items = [await ready.get()]
            while not ready.empty():
                items.append(ready.get_nowait())
            for item in items:
                if isinstance(item, Exception):
                    raise item
                if item is None:
                    running -= 1
                else:
                    batch += item
            if batch:
                yield batch
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
