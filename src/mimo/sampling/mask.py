"""Step 1, laying an allowed set over a row."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

import numpy as np

from mimo.sampling.compiler import compiled


@compiled
def apply_mask(z, words):
    """z[t] = −inf for every t whose bit, t % 32 of words[t // 32], is not set."""
    full = z.shape[0] // 32
    for w in range(full):
        bits = words[w]
        for j in range(32):
            t = w * 32 + j
            z[t] = z[t] if (bits >> np.uint32(j)) & np.uint32(1) else np.float32(-np.inf)
    for t in range(full * 32, z.shape[0]):
        if not (words[full] >> np.uint32(t & 31)) & np.uint32(1):
            z[t] = np.float32(-np.inf)
