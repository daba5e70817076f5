"""What a request costs, in whole pico-dollars (millionths of a millionth of a dollar), by the price in force that day.

A price of the models table is USD per million tokens: as pico-dollars a token it is a whole number up to six decimals.
Knows the table; knows no key and no store.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from mimo.contract.models import Model, Price
from mimo.types import Usage

DOLLAR = 10**12
"""Pico-dollars."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Pico-dollars a token. `version` says which price it is, in words that stay true when the table changes."""

    input: int
    cached_input: int
    output: int
    version: str

    def cost(self, usage: Usage) -> int:
        """Of a whole request. Reasoning is output."""
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        fresh = usage.prompt_tokens - cached
        return fresh * self.input + cached * self.cached_input + usage.completion_tokens * self.output


FREE = Rate(0, 0, 0, "none")


def rate_of(model: Model, prompt_tokens: int, day: date) -> Rate:
    """The price of a prompt of so many tokens on `day`: the newest in force, in the highest band that it reaches."""
    for above, rate in _bands(model.prices, day):
        if max(1, prompt_tokens) > above:
            return rate
    return FREE


@lru_cache(maxsize=256)
def _bands(prices: tuple[Price, ...], day: date) -> list[tuple[int, Rate]]:
    """What is in force on `day`, the highest band first."""
    newest = max((price.since for price in prices if price.since <= day), default=None)
    bands = [(price.above, _rate(price)) for price in prices if price.since == newest]
    return sorted(bands, key=lambda band: -band[0])


def _rate(price: Price) -> Rate:
    version = f"{price.input:g}/{price.cached_input:g}/{price.output:g}"
    if price.above:
        version += f" above {price.above}"
    if price.since > date.min:
        version += f" since {price.since}"
    return Rate(_pico(price.input), _pico(price.cached_input), _pico(price.output), version)


def _pico(dollars_per_million: float) -> int:
    return round(dollars_per_million * 10**6)


def dollars(pico: int) -> str:
    """As an exact decimal number of dollars, with at least two places: 0.0000123."""
    whole, part = divmod(abs(pico), DOLLAR)
    digits = f"{part:012d}".rstrip("0").ljust(2, "0")
    return f"{'-' if pico < 0 else ''}{whole}.{digits}"
