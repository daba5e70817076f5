"""Step 4, top_p: the shortest prefix, by probability descending and ties by lower id, whose sum is at least top_p.

Exact without sorting the row: (a) guess a floor that the prefix stays above, from block sums and one logit per block;
(b) collect what is above it; (c) find the edge among those by repeated binning. The total of all weights first comes
from float32; its error is bounded, and whenever the bound could change the answer a better total is computed.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

import numpy as np

from mimo.sampling.arrays import BLOCK
from mimo.sampling.compiler import compiled, lowest_bit, summing
from mimo.sampling.edge import find_edge
from mimo.sampling.weights import (
    FLOAT32_MAX,
    WEIGHT_ERROR,
    exact_sum_below,
    in_parts,
    sum_below,
    weight,
    weight64,
)

DEEPEST = 40.0
"""A guessed floor lies at most so many bits below the best token; where that is not enough everything is collected."""
NOTHING = 1001.0
"""So many bits below the best token a weight counts as nothing."""
STEEPEST = 1e30
"""Above this many bits per unit of logit (a temperature below 1.4e-30) float32 weights are of no use."""


@summing
def weigh_samples(z, peak, scale64, peaks, peak_weights, sample_weights):
    """The `weight` of each block's maximum, and of each block's first logit as a sample of the rest."""
    near, scale, rest = in_parts(scale64)
    for b in range(peaks.shape[0]):
        peak_weights[b] = weight(peaks[b], peak, near, scale, rest)
        sample_weights[b] = weight(z[b * BLOCK], peak, near, scale, rest)


@summing
def guess_sum_below(floor, sums, peak_weights, sample_weights):
    """About the sum of the weights below `floor`: whole blocks where the maximum is, else by the sample."""
    total = np.float32(0)
    for b in range(sums.shape[0]):
        sampled = np.float32(BLOCK - 1) * sample_weights[b] if sample_weights[b] < floor else np.float32(0)
        total += sums[b] if peak_weights[b] < floor else sampled
    return total


@compiled
def guess_bits(allowance, sums, peak_weights, sample_weights):
    """How many bits below the best token the floor must lie so that about `allowance` of weight is below it."""
    high, low = 0.0, DEEPEST
    for _ in range(9):
        middle = (high + low) / 2
        if guess_sum_below(np.float32(2.0**-middle), sums, peak_weights, sample_weights) <= allowance:
            low = middle
        else:
            high = middle
    return low


@compiled
def collect(z, floor, peaks, ids):
    """Fill ids, ascending, with those of the logits at or above `floor`; how many. Each block becomes 64 bits."""
    size = np.uint64(0)
    full = z.shape[0] // BLOCK
    for b in range(full):
        if peaks[b] >= floor:
            mask = np.uint64(0)
            for j in range(BLOCK):
                mask |= np.uint64(z[b * BLOCK + j] >= floor) << np.uint64(j)
            while mask:
                ids[size] = b * BLOCK + np.int64(lowest_bit(mask))  # type: ignore[call-arg]  # numba passes its typing context
                size += np.uint64(1)
                mask &= mask - np.uint64(1)
    for i in range(full * BLOCK, z.shape[0]):
        ids[size] = i
        size += np.uint64(z[i] >= floor)
    return np.int64(size)


@summing
def weigh(z, peak, scale, size, taken):
    """Fill the logits and the float64 weights of the first `size` ids taken; the sum of the weights."""
    total = 0.0
    for k in range(size):
        taken.values[k] = z[np.uint64(taken.ids[k])]
    for k in range(size):
        taken.weights[k] = weight64(taken.values[k], np.float64(peak), scale)
        total += taken.weights[k]
    return total


@compiled
def floor_at(peak, scale, bits):
    """The logit `bits` bits below `peak`, never −inf."""
    return np.float32(max(np.float64(peak) - bits / scale, -np.float64(FLOAT32_MAX)))


@compiled
def collect_enough(z, peak, scale, top_p, total, s):
    """(a) and (b): collect a top that surely holds `top_p` of the weight, where `total` is at least all of it.

    Returns how many were collected, their weight, the floor, and whether that is everything.
    """
    share = 0.85 if scale <= STEEPEST else 0.0
    if share > 0.0:
        weigh_samples(z, peak, scale, s.peaks, s.peak_weights, s.sample_weights)
    while True:
        bits = NOTHING
        if share > 0.05:
            bits = guess_bits(np.float32((1.0 - top_p) * total * share), s.sums, s.peak_weights, s.sample_weights)
        floor = floor_at(peak, scale, bits)
        size = collect(z, floor, s.peaks, s.taken.ids)
        inside = weigh(z, peak, scale, size, s.taken)
        if bits == NOTHING or inside >= top_p * total:
            return size, inside, floor, bits == NOTHING
        share *= 0.3


@compiled
def drop_beyond(taken, size, value, last):
    """Weight 0 for what comes after the token with logit `value` and id `last`."""
    for k in range(size):
        v = taken.values[k]
        keep = (v > value) | ((v == value) & (taken.ids[k] <= last))
        taken.weights[k] = taken.weights[k] if keep else 0.0


@compiled
def find_nucleus(z, peak, scale, top_p, total, s):
    """What top_p keeps of a row: the first `size` of s.taken, ids ascending, weight 0 where not kept; and the edge.

    z: float32 [n], maximum `peak`, finite; scale: bits per unit of logit, log2(e) / temperature; total: what block_sums
    found for the row, its sums in s.sums. Returns size, and the logit and id of the last token kept.
    """
    size, inside, floor, everything = collect_enough(z, peak, scale, top_p, total * (1.0 + WEIGHT_ERROR), s)
    if top_p >= 1.0:
        return size, -FLOAT32_MAX, np.int32(z.shape[0])
    below = 0.0 if everything else sum_below(z, peak, scale, floor, s.peaks, s.sums)
    doubt = top_p * below * WEIGHT_ERROR
    while True:
        target = top_p * (inside + below)
        value, last, before, reached = find_edge(s.taken, size, floor, peak, target, s.kept, s.bins)
        if doubt == 0.0 or before + doubt < target <= reached - doubt:
            break
        below, doubt = exact_sum_below(z, peak, scale, floor), 0.0
    drop_beyond(s.taken, size, value, last)
    return size, value, last
