"""The fan-in of several streams: everything arrives, in order by source, and the first error ends all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from mimo.engines.merge import merge


async def counting(name: str, count: int, pause: float = 0.0) -> AsyncIterator[list[tuple[str, int]]]:
    for at in range(count):
        await asyncio.sleep(pause)
        yield [(name, at)]


async def test_every_source_is_read_to_its_end_and_keeps_its_order() -> None:
    found = [item async for batch in merge([counting("a", 50), counting("b", 80), counting("c", 0)]) for item in batch]
    assert len(found) == 130
    for name, count in (("a", 50), ("b", 80)):
        assert [at for source, at in found if source == name] == list(range(count))


async def test_a_quick_source_does_not_wait_for_a_slow_one() -> None:
    found = [item async for batch in merge([counting("slow", 2, 0.2), counting("quick", 5)]) for item in batch]
    assert [name for name, _ in found] == ["quick"] * 5 + ["slow"] * 2


async def test_the_first_error_ends_all_and_closes_every_source() -> None:
    closed = []

    async def endless(name: str) -> AsyncIterator[list[int]]:
        try:
            while True:
                await asyncio.sleep(0)
                yield [1]
        finally:
            closed.append(name)

    async def failing() -> AsyncIterator[list[int]]:
        yield [0]
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        async for _ in merge([endless("a"), failing(), endless("b")]):
            pass
    assert sorted(closed) == ["a", "b"]


async def test_sources_are_not_read_ahead_of_a_reader_that_does_not_read() -> None:
    made = 0

    async def endless() -> AsyncIterator[list[int]]:
        nonlocal made
        while True:
            made += 1
            yield [made]

    reading = merge([endless(), endless()])
    await anext(reading)
    await asyncio.sleep(0.05)
    assert made < 10
    await reading.aclose()  # type: ignore[attr-defined]
