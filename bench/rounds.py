"""Rounds: everything that is compared takes turns (A B C A B C …), so that a busy minute is busy for all of it.

A ratio is taken round by round and its median given. Pure arithmetic.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Series = list[float]
"""One value a round."""


def interleaved(cases: Mapping[str, Callable[[], float]], rounds: int, warm: bool = True) -> dict[str, Series]:
    """By name, what each case gave in each round; `warm`: one round more before, which is thrown away."""
    found: dict[str, Series] = {name: [] for name in cases}
    for number in range(-int(warm), rounds):
        for name, case in cases.items():
            value = case()
            if number >= 0:
                found[name].append(value)
    return found


def on_each(items: Iterable[Item], act: Callable[[Item], float]) -> Callable[[], float]:
    """A case that does `act` on the next of `items` at every turn."""
    rest = iter(items)
    return lambda: act(next(rest))


def middle(series: Sequence[float]) -> float:
    """The median."""
    return statistics.median(series)


def spread(series: Sequence[float]) -> float:
    """Half the distance from the smallest to the largest, as a share of the median; 0 for a single value."""
    return (max(series) - min(series)) / 2 / middle(series) if middle(series) else 0.0


def ratios(over: Sequence[float], under: Sequence[float]) -> Series:
    """Round by round. ValueError if the two were not measured in the same rounds."""
    return [upper / lower for upper, lower in zip(over, under, strict=True)]
