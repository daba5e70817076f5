"""logit_bias and the two penalties: a sparse list, per slot, of what is added to single logits.

A slot's list holds the biased ids, then every distinct token sampled so far; never the prompt. A step touches only the
listed logits, so that thousands of sampled tokens cost microseconds. Knows nothing about temperature or what follows.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mimo.sampling.compiler import compiled

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


@compiled
def add_offsets(z, ids, amounts, listed, before):
    """z[ids[k]] += amounts[k] for the first `listed`, rounded once to float32; before[k] is what stood there."""
    for k in range(listed):
        i = np.uint64(ids[k])
        before[k] = z[i]
        z[i] = np.float32(np.float64(z[i]) + amounts[k])


@compiled
def find(ids, listed, token):
    """The place of `token` in ids[:listed], or −1. Without a way out of the loop it is some vector compares."""
    place = np.int32(-1)
    for k in range(listed):
        place = np.int32(k) if ids[k] == token else place
    return place


@compiled
def count_token(token, choice, ids, counts, biases, amounts):
    """`token` was sampled. True when its list is full and needs more capacity before the next step."""
    if choice.frequency_penalty == 0.0 and choice.presence_penalty == 0.0:
        return False
    place = find(ids, choice.listed, np.int32(token))
    if place < 0:
        place = choice.listed
        ids[place], counts[place], biases[place] = token, 0, 0.0
        choice.listed += 1
    counts[place] += 1
    amounts[place] = biases[place] - (choice.frequency_penalty * counts[place] + choice.presence_penalty)
    return choice.listed == ids.shape[0]
