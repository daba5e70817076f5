"""Raw log-probabilities of a prompt's tokens, from the logits of the positions before them.

The same log-softmax as that of sampled tokens: over the ids that can be sampled, NaN counts as −inf, and a raw +inf is
taken in the limit. Knows no scheduler.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from mimo.types import TokenLogprob


def prompt_logprobs(logits: NDArray[np.float32], tokens: Sequence[int], wanted: int) -> Iterator[TokenLogprob]:
    """One for each of `tokens`, row by row, with the `wanted` likeliest ids. `logits` [tokens, ids] is not changed."""
    for row, token in zip(logits, tokens, strict=True):
        z = np.where(np.isnan(row), -np.inf, row)
        peak = z.max()
        if peak == np.inf:
            shifted = np.where(z == np.inf, np.float32(0), np.float32(-np.inf))
        elif peak == -np.inf:
            shifted = z
        else:
            shifted = z - peak
        normaliser = np.log(np.exp(shifted).sum(dtype=np.float64)) if peak > -np.inf else 0.0
        top = []
        for _ in range(wanted):
            best = int(z.argmax())  # the lowest id on a tie
            if z[best] == -np.inf:
                break
            top.append((best, float(shifted[best] - normaliser)))
            z[best] = -np.inf
        own = float(shifted[token] - normaliser) if token < len(shifted) else float("-inf")
        yield TokenLogprob(token, own, tuple(top))
