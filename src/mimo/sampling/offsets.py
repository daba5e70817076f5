"""The lists behind logit_bias and the penalties: by slot, what is added to single logits.

A slot's list holds the biased ids, then every distinct token sampled so far; never the prompt. The kernel adds and
counts (`penalties.py`); here they are made, widened and begun anew. Knows no compiler.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FIRST_CAPACITY = 256


class Offsets(NamedTuple):
    """All [slots, capacity]; of a slot's row as many hold as its choice has `listed`. A row's ids are distinct.

    amounts: bias − (frequency_penalty · count + presence_penalty · [count > 0]): what is added to the logit.
    """

    ids: NDArray[np.int32]
    counts: NDArray[np.int32]
    biases: NDArray[np.float64]
    amounts: NDArray[np.float64]


def no_offsets(slots: int, capacity: int = FIRST_CAPACITY) -> Offsets:
    """Empty lists for `slots` slots."""
    shape = (slots, capacity)
    return Offsets(np.zeros(shape, np.int32), np.zeros(shape, np.int32), np.zeros(shape), np.zeros(shape))


def with_capacity(offsets: Offsets, capacity: int) -> Offsets:
    """The same lists with room for `capacity` ids per slot."""
    slots, size = offsets.ids.shape
    wider = no_offsets(slots, capacity)
    wider.ids[:, :size], wider.counts[:, :size] = offsets.ids, offsets.counts
    wider.biases[:, :size], wider.amounts[:, :size] = offsets.biases, offsets.amounts
    return wider


def restart(offsets: Offsets, slot: int, bias: dict[int, float]) -> None:
    """A new choice in this slot: its biased ids, nothing counted. There must be room for one id more than those."""
    size = len(bias)
    offsets.ids[slot, :size] = list(bias)
    offsets.counts[slot, :size] = 0
    offsets.biases[slot, :size] = offsets.amounts[slot, :size] = list(bias.values())
