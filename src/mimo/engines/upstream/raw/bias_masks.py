"""Keeping an upstream to what is allowed, by biases alone: masks (uint32[ceil(vocabulary / 32)], bit set: allowed)
as ids to ban, or as biases under which only allowed ids can be drawn. Knows no grammar and no request.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_FAR = 100.0
"""The largest bias that every engine takes. Logits do not lie so far apart."""


def permits(allowed: object, token: int) -> bool:
    """Whether `token` may come: `allowed` is None (all), an id, or a mask."""
    if isinstance(allowed, int):
        return token == allowed
    if not isinstance(allowed, np.ndarray):
        return True
    return token // 32 < len(allowed) and bool(int(allowed[token // 32]) >> (token % 32) & 1)


def refused_ids(allowed: object, vocabulary: int) -> tuple[int, ...]:
    """The ids that a mask leaves out; none where there is no mask."""
    if not isinstance(allowed, np.ndarray):
        return ()
    return tuple(np.flatnonzero(~_bits(allowed, vocabulary)).tolist())


def biased(allowed: object, vocabulary: int, logit_bias: Sequence[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    """`logit_bias` and what is allowed as one set of biases: the few raised or the few lowered, whichever are fewer."""
    if not isinstance(allowed, np.ndarray):
        return tuple(logit_bias)
    bits = _bits(allowed, vocabulary)
    if not logit_bias and 2 * int(bits.sum()) <= vocabulary:
        return tuple((token, _FAR) for token in np.flatnonzero(bits).tolist())
    lowered = dict.fromkeys(np.flatnonzero(~bits).tolist(), -_FAR)
    return tuple({**dict(logit_bias), **lowered}.items())


def _bits(allowed: NDArray[np.uint32], vocabulary: int) -> NDArray[np.bool_]:
    unpacked = np.unpackbits(allowed.astype("<u4").view(np.uint8), bitorder="little")
    bits = np.zeros(vocabulary, np.bool_)
    size = min(vocabulary, len(unpacked))
    bits[:size] = unpacked[:size]
    return bits
