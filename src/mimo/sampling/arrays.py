"""The arrays the kernel works on: parameters by slot, one thread's room, results by row.

Allocated once; nothing is allocated per step. Records and stacked arrays rather than one array per field because a call
into compiled code pays for each argument. `Scratch` and `Offsets` are the kernel's names for what lies in them. Knows
no compiler.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FREE, MASKED = -1, -2
"""What `rules` says of a row; a token id there forces that token."""
BLOCK = 64
"""Logits that are read at a time."""
BINS = 512
"""Into which the weights near an edge are sorted."""
MOST = 20
"""Log-probabilities of other tokens than the drawn one."""

CHOICE = np.dtype(
    [
        ("temperature", np.float64),
        ("top_p", np.float64),
        ("frequency_penalty", np.float64),
        ("presence_penalty", np.float64),
        ("seed", np.uint64),
        ("choice", np.uint64),
        ("step", np.uint64),  # tokens sampled so far
        ("logprobs", np.int64),  # −1: none wanted
        ("listed", np.int64),  # ids in the slot's list of offsets
    ]
)
"""What a slot holds: the parameters of its choice and how far it is."""

RESULT = np.dtype(
    [
        ("token", np.int64),
        ("uniform", np.float64),  # the random number of the step
        ("edge_value", np.float64),  # the last token kept, by logit descending and id ascending: its logit …
        ("edge_id", np.int64),  # … and id
        ("logprob", np.float64),  # the token's own, natural log
        ("top_size", np.int64),  # so many of the next two hold
        ("top_ids", np.int64, (MOST,)),
        ("top_logprobs", np.float64, (MOST,)),
    ]
)
"""What a row gives."""


class Weighted(NamedTuple):
    """Tokens taken from a row: ids, logits, weights."""

    ids: NDArray[np.int32]
    values: NDArray[np.float32]
    weights: NDArray[np.float64]


class Scratch(NamedTuple):
    """One thread's room to work in. peaks … sample_weights, partial: one per block of a row; taken, kept, before: one
    per id; bins: edge.BINS."""

    peaks: NDArray[np.float32]
    sums: NDArray[np.float32]
    peak_weights: NDArray[np.float32]
    sample_weights: NDArray[np.float32]
    partial: NDArray[np.float64]
    bins: NDArray[np.float64]
    before: NDArray[np.float32]
    taken: Weighted
    kept: Weighted


class Room(NamedTuple):
    """The memory behind a Scratch, for rows of n logits in b blocks; one place per row is written in vain."""

    blocks: NDArray[np.float32]  # [4, b]
    partial: NDArray[np.float64]  # [b + 1]
    bins: NDArray[np.float64]  # [BINS]
    ids: NDArray[np.int32]  # [2, n + 1]
    values: NDArray[np.float32]  # [3, n + 1]
    weights: NDArray[np.float64]  # [2, n + 1]


def room(n: int) -> Room:
    """Room for rows of n logits."""
    blocks = (n + BLOCK - 1) // BLOCK
    return Room(
        np.zeros((4, blocks), np.float32),
        np.zeros(blocks + 1, np.float64),
        np.zeros(BINS, np.float64),
        np.zeros((2, n + 1), np.int32),
        np.zeros((3, n + 1), np.float32),
        np.zeros((2, n + 1), np.float64),
    )
