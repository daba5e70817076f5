"""Step 5: the random number of a step and the token it picks.

The generator is counter based: a pure function of (seed, choice, step), with no state that another request could touch.
Philox4x32-10, J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011; key = the seed's 64 bits,
counter = step (two words), choice, 0. The pick is the inverse of the cumulative distribution over ascending token ids.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

import numpy as np

from mimo.sampling.arrays import BLOCK
from mimo.sampling.compiler import compiled, summing
from mimo.sampling.weights import weight64

LOW = np.uint64(0xFFFFFFFF)


@compiled
def philox(c0, c1, c2, c3, k0, k1):
    """Philox4x32-10: four uint32 words of counter and two of key (all in uint64) to four words."""
    shift = np.uint64(32)
    for _ in range(10):
        a = np.uint64(0xD2511F53) * c0
        b = np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = (b >> shift) ^ c1 ^ k0, b & LOW, (a >> shift) ^ c3 ^ k1, a & LOW
        k0 = (k0 + np.uint64(0x9E3779B9)) & LOW
        k1 = (k1 + np.uint64(0xBB67AE85)) & LOW
    return c0, c1, c2, c3


@compiled
def uniform(seed, choice, step):
    """The number in [0, 1), a multiple of 2^-53, of this (seed, choice, step); all three uint64, choice below 2^32."""
    shift = np.uint64(32)
    high, low, _, _ = philox(step & LOW, step >> shift, choice & LOW, np.uint64(0), seed & LOW, (seed >> shift) & LOW)
    return np.float64(((high << shift) | low) >> np.uint64(11)) * 2.0**-53


@summing
def sum_blocks(weights, size, sums):
    """Fill sums[b] with the sum of the b-th 64 of weights[:size]; the number of blocks."""
    blocks = (size + BLOCK - 1) // BLOCK
    for b in range(blocks):
        s = 0.0
        for k in range(b * BLOCK, min(size, (b + 1) * BLOCK)):
            s += weights[k]
        sums[b] = s
    return blocks


@compiled
def pick(weights, size, sums, u):
    """The first k whose cumulative weight is above u times the total. A weight of zero is never picked."""
    blocks = sum_blocks(weights, size, sums)
    total = 0.0
    for b in range(blocks):
        total += sums[b]
    b, left = find_block(sums, blocks, u * total)
    picked = -1
    for k in range(b * BLOCK, min(size, (b + 1) * BLOCK)):
        if weights[k] > 0.0:
            picked = k
            left -= weights[k]
            if left < 0.0:
                break
    return picked


@compiled
def find_block(sums, blocks, left):
    """The block in which the cumulative sum passes `left`, and what is left of it there.

    Rounding cannot run past the end: the last block with any weight takes what remains.
    """
    last, rest = -1, 0.0
    for b in range(blocks):
        s = np.float64(sums[b])
        if s > 0.0:
            last, rest = b, left
            if left < s:
                break
            left -= s
    return last, rest


@compiled
def pick_in_row(z, peak, scale, sums, u, total):
    """As `pick`, over a whole row, from the sums that `block_sums` left: the token id.

    Only one block is looked into; what is left there is scaled from its float32 sum to its float64 sum.
    """
    b, left = find_block(sums, sums.shape[0], u * total)
    first, end = b * BLOCK, min(z.shape[0], (b + 1) * BLOCK)
    inside = 0.0
    for i in range(first, end):
        inside += weight64(z[i], np.float64(peak), scale)
    left *= inside / np.float64(sums[b])
    picked = -1
    for i in range(first, end):
        w = weight64(z[i], np.float64(peak), scale)
        if w > 0.0:
            picked = i
            left -= w
            if left < 0.0:
                break
    return picked
