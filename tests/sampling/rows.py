"""Rows of logits for the tests: by kind, from a seed."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.float32]
Random = np.random.Generator


def peaked(random: Random, n: int) -> Row:
    """As a language model's: the best well above the rest, a tail like Zipf's, ranks in random places."""
    z = -1.6 * np.log(np.arange(n) + 1.5) + random.normal(0, 0.7, n)
    z[0] += 2
    return random.permutation(z).astype(np.float32)


def with_special(values: tuple[float, ...]) -> Callable[[Random, int], Row]:
    def kind(random: Random, n: int) -> Row:
        z = random.normal(0, 3, n).astype(np.float32)
        places = random.random(n) < random.choice([0.01, 0.5, 0.95])
        z[places] = random.choice(np.array(values, np.float32), int(places.sum()))
        z[random.integers(n)] = 1.0
        return z

    return kind


KINDS: dict[str, Callable[[Random, int], Row]] = {
    "flat": lambda random, n: random.normal(0, 3, n).astype(np.float32),
    "uniform": lambda random, n: random.random(n).astype(np.float32),
    "peaked": peaked,
    "equal": lambda random, n: np.full(n, random.normal(), np.float32),
    "tied": lambda random, n: random.integers(-3, 3, n).astype(np.float32),
    "two levels": lambda random, n: np.where(random.random(n) < 0.3, 5.0, -7.0).astype(np.float32),
    "zeros of both signs": lambda random, n: random.choice(np.array([0.0, -0.0, -1.0], np.float32), n),
    "neighbours": lambda random, n: np.nextafter(
        np.full(n, 7, np.float32), random.choice([0, 9], n).astype(np.float32)
    ),
    "wide": lambda random, n: (random.normal(0, 1, n) * 10.0 ** random.uniform(-8, 37)).astype(np.float32),
    "denormal": lambda random, n: (random.integers(0, 99, n) * 1e-45).astype(np.float32),
    "minus infinite": with_special((-np.inf,)),
    "infinite": with_special((-np.inf, np.inf)),
    "not a number": with_special((-np.inf, np.nan, -np.nan)),
    "one alone": lambda random, n: np.where(np.arange(n) == random.integers(n), 1.0, -np.inf).astype(np.float32),
}


def row(kind: str, n: int, seed: int) -> Row:
    return KINDS[kind](np.random.default_rng(seed), n)
