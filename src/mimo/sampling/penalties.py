"""Steps 1 and 2: logit_bias and the two penalties, from the lists of `offsets.py`.

A step touches only the listed logits, so that thousands of sampled tokens cost microseconds. Knows nothing about
temperature or what follows.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

import numpy as np

from mimo.sampling.compiler import compiled


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
