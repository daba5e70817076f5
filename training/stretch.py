"""Long rows made longer than they are: some exchanges count for many, as if as much had been said in their place.

A query in a window of 32,768 meets two things that it does not meet in 4,096 tokens: far positions, and many keys that
are not meant. Both are had without the tokens: an exchange that counts w times has keys of weight w, and w times its
length of positions go by. What is learnt lies outside such exchanges. Knows ids only.
"""

from __future__ import annotations

import numpy as np

from training.chat import SPECIALS

SHARE = 0.6
"""Of the exchanges count for more than one."""


def stretch(
    rng: np.random.Generator, tokens: np.ndarray, learnt: np.ndarray, user: int, longest: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions, weights and learnt flags of one row, stretched to between its length and `longest`.

    `user`: the token that begins a user's header after `<|im_start|>`.
    """
    length = len(tokens)
    begins = np.flatnonzero((tokens[:-1] == SPECIALS.index("<|im_start|>")) & (tokens[1:] == user))
    exchange = np.searchsorted(begins, np.arange(length), side="right")
    heavy = (rng.random(len(begins) + 1) < SHARE)[exchange]
    total = float(np.exp(rng.uniform(np.log(length), np.log(longest))))
    each = max(1.0, (total - (~heavy).sum()) / max(1, heavy.sum()))
    weight = np.where(heavy, each, 1.0).astype(np.float32)
    first = np.searchsorted(exchange, exchange)  # where the exchange of each token begins
    ahead = np.concatenate(([0.0], np.cumsum(weight)))[first]
    positions = ahead + (np.arange(length) - first) + np.where(heavy, (each - 1) * lengths_of(exchange), 0.0)
    return np.floor(positions).astype(np.int64), weight, learnt & ~heavy


def lengths_of(exchange: np.ndarray) -> np.ndarray:
    """How many tokens the exchange of each token has."""
    return np.bincount(exchange)[exchange]
