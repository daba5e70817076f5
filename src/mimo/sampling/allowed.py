"""Step 1, the allowed set: what can be said of one, and how it is laid into the words of a slot.

A set is an `Allowed`: everything, one token, or a bitmask over the vocabulary. Knows no grammar: JSON, tool calls and
the forced end of thinking implement `Constraint` elsewhere.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from mimo.types import Allowed, Constraint

Mask = NDArray[np.uint32]


def allows(allowed: Allowed, token: int) -> bool:
    """Whether `token` is in the set."""
    if not isinstance(allowed, np.ndarray):
        return allowed is None or token == allowed
    return 0 <= token // 32 < len(allowed) and bool(int(allowed[token // 32]) >> (token % 32) & 1)


def expected(constraint: Constraint | None) -> Sequence[int]:
    """Tokens that `constraint` takes for nearly certain to come next, one after the other; most know of none."""
    known: Callable[[], Sequence[int]] | None = getattr(constraint, "expected", None)
    return () if known is None else known()


def allow(mask: Mask, tokens: Iterable[int]) -> Mask:
    """`mask` with `tokens`."""
    mask = mask.copy()
    for token in tokens:
        mask[token // 32] |= np.uint32(1 << (token % 32))
    return mask


def forbid(mask: Mask, tokens: Iterable[int]) -> Mask:
    """`mask` without `tokens`."""
    mask = mask.copy()
    for token in tokens:
        mask[token // 32] &= ~np.uint32(1 << (token % 32))
    return mask


def all_but(tokens: Iterable[int], vocabulary: int) -> Mask:
    """The mask of all of the vocabulary but `tokens`."""
    flags = np.ones(-(-vocabulary // 32) * 32, dtype=np.uint8)
    flags[vocabulary:] = 0
    flags[list(tokens)] = 0
    return np.packbits(flags, bitorder="little").view("<u4").astype(np.uint32)


def bits(mask: Mask, vocabulary: int) -> NDArray[np.bool_]:
    """`mask` as a flag for each id of the vocabulary; ids that the mask does not reach are not allowed."""
    unpacked = np.unpackbits(mask.astype("<u4").view(np.uint8), bitorder="little")
    flags = np.zeros(vocabulary, np.bool_)
    size = min(vocabulary, len(unpacked))
    flags[:size] = unpacked[:size]
    return flags


def write_mask(mask: NDArray[np.uint32], words: NDArray[np.uint32]) -> None:
    """Copy a constraint's mask to its slot's words, uint32 [ceil(vocabulary / 32)]; ValueError if it is none."""
    if mask.shape != words.shape or mask.dtype != np.uint32:
        raise ValueError(f"an allowed set must be uint32 {list(words.shape)}, got {mask.dtype} {list(mask.shape)}")
    words[:] = mask
