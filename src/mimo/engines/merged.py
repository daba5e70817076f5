"""Several running answers as one: their choices numbered on, their usage added up. Knows no wire format."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from msgspec.structs import replace

from mimo.engines.base import EventStream
from mimo.engines.merge import merge
from mimo.types import Event, Usage


class MergedAnswers(EventStream):
    """`answers`, each of `choices` choices, read side by side."""

    def __init__(self, answers: Sequence[EventStream], choices: int) -> None:
        self._answers = answers
        self._choices = choices

    @property
    def begun(self) -> float | None:
        """When the first of them was taken out of the queue."""
        return min((begun for answer in self._answers if (begun := answer.begun) is not None), default=None)

    async def accepted(self) -> None:
        """Wait until the engine has taken all of them."""
        await asyncio.gather(*(answer.accepted() for answer in self._answers))

    async def __aiter__(self) -> AsyncIterator[list[Event]]:
        """Batches as they become ready, of any answer; the first error of one ends all."""
        total = Usage(0, 0, 0, 0)
        try:
            async for batch in merge([self._numbered(at, answer) for at, answer in enumerate(self._answers)]):
                events: list[Event] = []
                for event in batch:
                    if isinstance(event, Usage):
                        total = _sum(total, event)
                    else:
                        events.append(event)
                if events:
                    yield events
            yield [total]
        finally:
            self.close()

    async def _numbered(self, at: int, answer: EventStream) -> AsyncIterator[list[Event]]:
        """The events of answer number `at`, under the numbers that its choices have among all."""
        first = at * self._choices
        async for events in answer:
            yield [
                event if isinstance(event, Usage) else replace(event, choice=first + event.choice) for event in events
            ]

    def usage(self) -> Usage | None:
        """The sum of what is known so far; None where one answer does not know."""
        total = Usage(0, 0, 0, 0)
        for answer in self._answers:
            counted = answer.usage()
            if counted is None:
                return None
            total = _sum(total, counted)
        return total

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
