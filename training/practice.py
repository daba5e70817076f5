"""Rows of random tokens that come two or three times over: what they repeat can only be copied, and any token can come.

They keep every token's way from reading to writing alive, rare words included, which the conversations alone visit too
seldom. Knows ids only.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from training.chat import SPECIALS

LONGEST = 40


def practice(
    rng: np.random.Generator, vocabulary: int, rows: int, length: int = 256
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """tokens, positions, document, learnt [rows, length], as `Rows.batch` gives them; only repetitions are learnt."""
    tokens, positions, document = (np.zeros((rows, length), np.int64) for _ in range(3))
    learnt = np.zeros((rows, length), bool)
    for row in range(rows):
        at = number = 0
        while at < length - 6:
            size, times = int(rng.integers(3, LONGEST + 1)), int(rng.integers(2, 4))
            text = np.tile(rng.integers(len(SPECIALS), vocabulary, size), times)[: length - at]
            end, number = at + len(text), number + 1
            tokens[row, at:end], positions[row, at:end], document[row, at:end] = text, np.arange(len(text)), number
            learnt[row, at + size + 1 : end] = True  # the first repeated token cannot be known
            at = end
    return torch.from_numpy(tokens), torch.from_numpy(positions), torch.from_numpy(document), torch.from_numpy(learnt)
