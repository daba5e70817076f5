"""The edge of a prefix: where, among weighted values taken from the highest down, a sum reaches its target.

A selection, not a sort: the values are binned over their range, the bin that holds the edge is binned again, and so on
until a few are left or all are equal. Equal values count by ascending id. Knows nothing of rows, blocks or top_p.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

import numpy as np

from mimo.sampling.arrays import BINS
from mimo.sampling.compiler import compiled

SORTED = 32
"""So many are sorted instead of binned again."""


@compiled
def sort_small(ids, values, weights, size):
    """Sort by value descending; equal values stay by ascending id."""
    for k in range(1, size):
        i, v, w = ids[k], values[k], weights[k]
        j = k
        while j > 0 and values[j - 1] < v:
            ids[j], values[j], weights[j] = ids[j - 1], values[j - 1], weights[j - 1]
            j -= 1
        ids[j], values[j], weights[j] = i, v, w


@compiled
def fill_bins(taken, size, high, per_unit, bins):
    """bins[b] = the weight of the values b / per_unit … (b + 1) / per_unit below `high`."""
    bins[:] = 0.0
    for k in range(size):
        bins[np.uint64((high - np.float64(taken.values[k])) * per_unit)] += taken.weights[k]


@compiled
def keep_bin(taken, size, high, per_unit, b, kept):
    """Copy what lies in bin b to `kept` (may be the same arrays), order unchanged; how many."""
    n = 0
    for k in range(size):
        if np.int64((high - np.float64(taken.values[k])) * per_unit) == b:
            kept.ids[n], kept.values[n], kept.weights[n] = taken.ids[k], taken.values[k], taken.weights[k]
            n += 1
    return n


@compiled
def edge_bin(bins, below, target):
    """The bin in which the sum, `below` before the first bin, reaches the target, and the sum before that bin.

    Where the target is not reached, the last bin with any weight.
    """
    edge, run = 0, below
    for b in range(BINS):
        if bins[b] > 0.0:
            edge, below = b, run
            run += bins[b]
            if run >= target:
                break
    return edge, below


@compiled
def limits(values, size):
    """The lowest and the highest."""
    low, high = values[0], values[0]
    for k in range(1, size):
        low, high = min(low, values[k]), max(high, values[k])
    return low, high


@compiled
def find_edge(taken, size, low, high, target, kept, bins):
    """The last token of the shortest prefix of the first `size` taken whose weight is at least `target`.

    All logits lie in low … high. Returns the token's logit and id, the sum before it and the sum with it. Each round
    bins what is left linearly over its range and goes on, in `kept`, with the one bin that holds the edge.
    """
    below, n = 0.0, size
    if n <= SORTED:
        keep_bin(taken, n, 0.0, 0.0, 0, kept)
    while n > SORTED:
        per_unit = (BINS - 1) / (np.float64(high) - np.float64(low)) if high > low else 0.0
        fill_bins(taken, n, np.float64(high), per_unit, bins)
        edge, below = edge_bin(bins, below, target)
        n = keep_bin(taken, n, np.float64(high), per_unit, edge, kept)
        taken = kept
        if high == low:
            break
        low, high = limits(kept.values, n)
    if n <= SORTED:
        sort_small(kept.ids, kept.values, kept.weights, n)
    run = below
    last = 0
    for k in range(n):
        last, below = k, run
        run += kept.weights[k]
        if run >= target:
            break
    return kept.values[last], kept.ids[last], below, run
