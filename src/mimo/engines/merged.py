"""Several running answers as one: their choices numbered on, their usage added up. Knows no wire format."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from msgspec.structs import replace

from mimo.engines.base import EventStream
from mimo.types import Event, Usage


class MergedAnswers(EventStream):
    """`answers`, each of `choices` choices, read side by side."""

    def __init__(self, answers: Sequence[EventStream], choices: int) -> None:
        self._answers = answers
        self._choices = choices

    async def accepted(self) -> None:
        """Wait until the engine has taken all of them."""
        await asyncio.gather(*(answer.accepted() for answer in self._answers))

    async def __aiter__(self) -> AsyncIterator[list[Event]]:
        """Batches as they become ready, of any answer; the first error of one ends all."""
        ready: asyncio.Queue[list[Event] | BaseException | None] = asyncio.Queue(maxsize=len(self._answers))
        tasks = [asyncio.create_task(self._read(at, ready)) for at in range(len(self._answers))]
        total = Usage(0, 0, 0, 0)
        try:
            running = len(tasks)
            while running:
                batch = await ready.get()
                if batch is None:
                    running -= 1
                elif isinstance(batch, BaseException):
                    raise batch
                elif isinstance(batch[-1], Usage):
                    total = _sum(total, batch[-1])
                else:
                    yield batch
            yield [total]
        finally:
            for task in tasks:
                task.cancel()
            self.close()

    def usage(self) -> Usage | None:
        """The sum of what is known so far; None where one answer does not know."""
        total = Usage(0, 0, 0, 0)
        for answer in self._answers:
            counted = answer.usage()
            if counted is None:
                return None
            total = _sum(total, counted)
        return total

    async def _read(self, at: int, ready: asyncio.Queue[list[Event] | BaseException | None]) -> None:
        try:
            async for events in self._answers[at]:
                for part in ([*events[:-1]], [events[-1]]) if isinstance(events[-1], Usage) else (events,):
                    if part:
                        await ready.put([self._moved(event, at) for event in part])
            await ready.put(None)
        except Exception as error:
            await ready.put(error)

    def _moved(self, event: Event, at: int) -> Event:
        return event if isinstance(event, Usage) else replace(event, choice=at * self._choices + event.choice)

    def close(self) -> None:
        """Free the slots of all of them."""
        for answer in self._answers:
            answer.close()


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(
        one.prompt_tokens + other.prompt_tokens,
        one.completion_tokens + other.completion_tokens,
        one.reasoning_tokens + other.reasoning_tokens,
        one.cached_tokens + other.cached_tokens,
    )
