"""Step 3, and every pass over a whole row: block maxima, weights exp((z − max) / temperature), sums of weights.

A row is read in blocks of 64 logits; the maximum and the sum of each block are kept, so that later steps look only at
the blocks that matter. Knows nothing about top_p or drawing. Loops are written so that LLVM vectorises them.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

import numpy as np

from mimo.sampling.arrays import BLOCK
from mimo.sampling.compiler import compiled, fused, summing

LOG2_E = 1.4426950408889634
FLOAT32_MAX = np.float32(3.4028234663852886e38)
WEIGHT_ERROR = 2e-6
"""Bound on the relative error of a sum of `weight`s, for up to 2^20 logits. Its parts: z − max rounded, 4.1e-8 per bit
below the maximum, and at most half of the mass can lie as low as 20 bits: 4e-7; polynomial 1.7e-7; 64 additions in at
least 16 lanes and their tree, 8 roundings: 5e-7; without fused multiply-add once more 4e-7. Rounded up."""


@fused
def weight(z, peak, near, scale, rest):
    """2^((z − peak) · (scale + rest)) in float32, 0 below 2^-125 and for NaN.

    near ≈ scale rounds to the power of two; being another number than `scale` it keeps the product with `scale` inside
    one fused operation, where it is exact. Polynomial: Cephes exp2f, S. Moshier, on [−1/2, 1/2].
    """
    below = z - peak
    bits = below * near
    whole = np.rint(max(bits, np.float32(-125)))
    part = (below * scale - whole) + below * rest
    p = np.float32(1.535336188319500e-4)
    p = p * part + np.float32(1.339887440266574e-3)
    p = p * part + np.float32(9.618437357674640e-3)
    p = p * part + np.float32(5.550332471162809e-2)
    p = p * part + np.float32(2.402264791363012e-1)
    p = p * part + np.float32(6.931472028550421e-1)
    p = p * part + np.float32(1.0)
    power = np.int32(np.int32(whole) << np.int32(23))
    scaled = np.int32(np.float32(p).view(np.int32) + power).view(np.float32)
    return scaled if bits >= np.float32(-125) else np.float32(0)


@fused
def weight64(z, peak, scale):
    """2^((z − peak) · scale) in float64, relative error about 1e-14, 0 below 2^-1000 and for NaN. Taylor, degree 11."""
    bits = (np.float64(z) - peak) * scale
    whole = np.rint(max(bits, -1000.0))
    part = bits - whole
    p = 4.4455382718708101e-10
    p = p * part + 7.0549116208011209e-09
    p = p * part + 1.0178086009239696e-07
    p = p * part + 1.3215486790144305e-06
    p = p * part + 1.5252733804059838e-05
    p = p * part + 1.5403530393381606e-04
    p = p * part + 1.3333558146428441e-03
    p = p * part + 9.6181291076284769e-03
    p = p * part + 5.5504108664821576e-02
    p = p * part + 2.4022650695910069e-01
    p = p * part + 6.9314718055994529e-01
    p = p * part + 1.0
    power = np.int64(np.int64(whole) << np.int64(52))
    scaled = np.int64(np.float64(p).view(np.int64) + power).view(np.float64)
    return scaled if bits >= -1000.0 else 0.0


@compiled
def ordered(bits):
    """The bit pattern of a float32 as an int32 that sorts like the float, and back: it is its own inverse."""
    return np.int32(bits ^ np.int32(np.int32(bits >> np.int32(31)) & np.int32(0x7FFFFFFF)))


@compiled
def block_peaks(z, peaks):
    """Fill peaks[b] with block b's maximum; the row's maximum as int32 `ordered`, so that NaN cannot hide it."""
    patterns = z.view(np.int32)
    highest = np.int32(-0x80000000)
    full = z.shape[0] // BLOCK
    for b in range(full):
        high = np.int32(-0x80000000)
        for j in range(BLOCK):
            value = ordered(patterns[b * BLOCK + j])
            high = value if value > high else high
        peaks[b] = np.int32(ordered(high)).view(np.float32)
        highest = high if high > highest else highest
    if full < peaks.shape[0]:
        high = np.int32(-0x80000000)
        for i in range(full * BLOCK, z.shape[0]):
            value = ordered(patterns[i])
            high = value if value > high else high
        peaks[full] = np.int32(ordered(high)).view(np.float32)
        highest = high if high > highest else highest
    return highest


@compiled
def find_peaks(z, peaks):
    """Fill peaks; the row's maximum as float32. A NaN in z becomes −inf first (only a row that has one is written)."""
    highest = block_peaks(z, peaks)
    if highest > np.int32(0x7F800000):
        for i in range(z.shape[0]):
            if np.isnan(z[i]):
                z[i] = -np.inf
        highest = block_peaks(z, peaks)
    highest = max(highest, np.int32(-0x7F800001))  # what is below −inf is a NaN with its sign set
    return np.int32(ordered(highest)).view(np.float32)


@compiled
def in_parts(scale):
    """A float64 scale as the float32 near, scale and rest that `weight` takes."""
    main = np.float32(scale)
    return np.float32(scale * 1.000001), main, np.float32(scale - np.float64(main))


@summing
def block_sums(z, peak, scale64, sums):
    """Fill sums[b], float32, with block b's sum of weights; their total as float64."""
    near, scale, rest = in_parts(scale64)
    total = 0.0
    full = z.shape[0] // BLOCK
    for b in range(full):
        s = np.float32(0)
        for j in range(BLOCK):
            s += weight(z[b * BLOCK + j], peak, near, scale, rest)
        sums[b] = s
        total += np.float64(s)
    if full < sums.shape[0]:
        s = np.float32(0)
        for i in range(full * BLOCK, z.shape[0]):
            s += weight(z[i], peak, near, scale, rest)
        sums[full] = s
        total += np.float64(s)
    return total


@summing
def sum_below(z, peak, scale64, ceiling, peaks, sums):
    """The sum of the weights below `ceiling`, float64, looking again only at blocks that reach up to it."""
    near, scale, rest = in_parts(scale64)
    total = 0.0
    full = z.shape[0] // BLOCK
    for b in range(full):
        s = sums[b]
        if peaks[b] >= ceiling:
            s = np.float32(0)
            for j in range(BLOCK):
                x = z[b * BLOCK + j]
                s += weight(x if x < ceiling else np.float32(-np.inf), peak, near, scale, rest)
        total += np.float64(s)
    for i in range(full * BLOCK, z.shape[0]):
        x = z[i]
        total += np.float64(weight(x if x < ceiling else np.float32(-np.inf), peak, near, scale, rest))
    return total


@summing
def exact_sum_below(z, peak, scale, ceiling):
    """The float64 sum of `weight64` over the z below `ceiling`."""
    total = 0.0
    for i in range(z.shape[0]):
        x = z[i] if z[i] < ceiling else np.float32(-np.inf)
        total += weight64(x, np.float64(peak), scale)
    return total


@compiled
def first_at_peak(z, peaks, peak):
    """The lowest id whose logit is the row's maximum."""
    for b in range(peaks.shape[0]):
        if peaks[b] == peak:
            for i in range(b * BLOCK, z.shape[0]):
                if z[i] == peak:
                    return i
    return -1


@compiled
def flatten_infinite(z, peaks):
    """A row whose maximum is +inf, in the limit: its +inf become 0, everything else −inf. The new maximum."""
    for i in range(z.shape[0]):
        z[i] = np.float32(0) if z[i] == np.inf else np.float32(-np.inf)
    for b in range(peaks.shape[0]):
        peaks[b] = np.float32(0) if peaks[b] == np.inf else np.float32(-np.inf)
    return np.float32(0)
