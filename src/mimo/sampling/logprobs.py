"""Step 0: raw log-probabilities, taken before any parameter changes the row.

log-softmax of the raw logits over the ids that can be sampled; its normaliser is good to 2e-6. A raw +inf is taken in
the limit: the +inf share the probability. Knows nothing about what is drawn from them.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

import numpy as np

from mimo.sampling.arrays import BLOCK
from mimo.sampling.compiler import compiled
from mimo.sampling.weights import LOG2_E, block_sums


@compiled
def log_normaliser(z, peak, sums):
    """log of the sum of exp(z − peak); when peak is +inf, log of how many are +inf."""
    if peak == np.inf:
        infinite = 0
        for i in range(z.shape[0]):
            infinite += z[i] == np.inf
        return np.log(np.float64(infinite))
    return np.log(block_sums(z, peak, LOG2_E, sums))


@compiled
def logprob(value, peak, normaliser):
    """The log-probability of a token with raw logit `value`."""
    if peak == np.inf:
        return -normaliser if value == np.inf else -np.inf
    return np.float64(value) - np.float64(peak) - normaliser


@compiled
def most_probable(z, peaks, wanted, ids, values):
    """Fill ids and values (raw logits) with the `wanted` highest above −inf, descending, ties by lower id; how many.

    Ids are visited in ascending order and blocks that cannot enter are skipped.
    """
    size = 0
    if wanted == 0:
        return size
    for b in range(peaks.shape[0]):
        if size == wanted and not peaks[b] > values[size - 1]:
            continue
        for i in range(b * BLOCK, min(z.shape[0], (b + 1) * BLOCK)):
            if z[i] > -np.inf and (size < wanted or z[i] > values[size - 1]):
                size = min(size + 1, wanted)
                k = size - 1
                while k > 0 and values[k - 1] < z[i]:
                    values[k], ids[k] = values[k - 1], ids[k - 1]
                    k -= 1
                values[k], ids[k] = z[i], i
    return size
