"""Keeping an upstream to what is allowed, by biases alone: masks (uint32[ceil(vocabulary / 32)], bit set: allowed)
as ids to ban, or as biases under which only allowed ids can be drawn. Knows no grammar and no request.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mimo.sampling.allowed import bits
from mimo.types import Allowed

_FAR = 100.0
"""The largest bias that every engine takes. Logits do not lie so far apart."""


def refused_ids(allowed: Allowed, vocabulary: int) -> tuple[int, ...]:
    """The ids that a mask leaves out; none where there is no mask."""
    if not isinstance(allowed, np.ndarray):
        return ()
    return tuple(np.flatnonzero(~bits(allowed, vocabulary)).tolist())


def biased(allowed: Allowed, vocabulary: int, logit_bias: Sequence[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    """`logit_bias` and what is allowed as one set of biases: the few raised or the few lowered, whichever are fewer.

    All are within what an engine takes: beyond it they are moved together, since differences alone count."""
    if not isinstance(allowed, np.ndarray):
        above = max(0.0, max((bias for _, bias in logit_bias), default=0.0) - _FAR)
        return tuple((token, max(-_FAR, bias - above)) for token, bias in logit_bias)
    flags = bits(allowed, vocabulary)
    if not logit_bias and 2 * int(flags.sum()) <= vocabulary:
        return tuple((token, _FAR) for token in np.flatnonzero(flags).tolist())
    biases = np.zeros(vocabulary)
    biases[[token for token, _ in logit_bias]] = [bias for _, bias in logit_bias]
    if abs(top := biases[flags].max(initial=-np.inf)) > _FAR / 2:  # what is not allowed stays far below what is
        biases -= top
    biases = np.where(flags, np.maximum(biases, -_FAR / 2), -_FAR)
    return tuple((token, float(biases[token])) for token in np.flatnonzero(biases).tolist())
