"""The sampler once more, slowly and plainly: numpy, float64, a full sort. What the fast one is held to.

Written from the contract, sharing no code with `mimo.sampling`. Sums are in extended precision where there is any.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MASK32, MASK64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF


def adjust(
    raw: NDArray[np.float32],
    counts: dict[int, int],
    frequency_penalty: float = 0.0,
    presence_penalty: float = 0.0,
    logit_bias: tuple[tuple[int, float], ...] = (),
    allowed: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Steps 1 and 2, float32 [n]: NaN and disallowed are −inf; bias and penalties: float64, rounded once."""
    z = np.where(np.isnan(raw), -np.inf, raw).astype(np.float64)
    if allowed is not None:
        z[~allowed] = -np.inf
    added = dict(logit_bias)
    for token, count in counts.items():
        added[token] = added.get(token, 0.0) - (frequency_penalty * count + presence_penalty * (count > 0))
    for token, amount in added.items():
        z[token] += amount
    return z.astype(np.float32)


@dataclass(frozen=True)
class Kept:
    """ids ascending and their probabilities; margin: how far, as a share of the whole, the sum at the edge is from
    asking for one token more or less."""

    ids: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    margin: float


def keep(z: NDArray[np.float32], temperature: float, top_p: float) -> Kept:
    """Steps 3 and 4 for a row with a maximum above −inf."""
    peak = z.max()
    if temperature == 0.0:
        return Kept(np.array([int(np.argmax(z))]), np.ones(1), 1.0)
    if peak == np.inf:
        weights = (z == np.inf).astype(np.float64)
        z = np.where(z == np.inf, np.float32(0), np.float32(-np.inf))
    else:
        with np.errstate(over="ignore"):
            weights = np.exp((z.astype(np.float64) - float(peak)) / temperature)
    order = np.lexsort((np.arange(len(z)), -z.astype(np.float64)))
    sums = np.cumsum(weights[order].astype(np.longdouble))
    total, margin = sums[-1], 1.0
    if top_p < 1.0:
        reached = sums >= np.longdouble(top_p) * total
        size = max(1, int(np.argmax(reached)) + 1)
        around = sums[max(0, size - 2) : size]
        margin = float(np.min(np.abs(around - np.longdouble(top_p) * total)) / total)
        order = order[:size]
    else:
        order = order[np.isfinite(z[order])]
    ids = np.sort(order)
    return Kept(ids, np.asarray(weights[ids] / weights[ids].sum(), np.float64), margin)


def draw(kept: Kept, u: float) -> tuple[int, float]:
    """Step 5: the token at which the cumulative probability passes u, and how far u is from another answer."""
    positive = kept.probabilities > 0
    ids, sums = kept.ids[positive], np.cumsum(kept.probabilities[positive].astype(np.longdouble))
    k = min(int(np.searchsorted(sums, np.longdouble(u), side="right")), len(ids) - 1)
    others = [abs(float(sums[j]) - u) for j in (k - 1, k) if 0 <= j < len(ids) - 1]
    return int(ids[k]), min(others, default=1.0)


def logprobs(raw: NDArray[np.float32]) -> NDArray[np.float64]:
    """Step 0: log-softmax of the raw row; +inf in the limit."""
    z = np.where(np.isnan(raw), -np.inf, raw).astype(np.float64)
    if z.max() == np.inf:
        z = np.where(z == np.inf, 0.0, -np.inf)
    z = z - z.max()
    return np.asarray(z - np.log(np.exp(z).sum()))


def philox(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]:
    """Philox4x32-10 in Python's integers."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        a, b = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (b >> 32) ^ c1 ^ k0, b & MASK32, (a >> 32) ^ c3 ^ k1, a & MASK32
        k0, k1 = (k0 + 0x9E3779B9) & MASK32, (k1 + 0xBB67AE85) & MASK32
    return c0, c1, c2, c3


def uniform(seed: int, choice: int, step: int) -> float:
    """The number of a (seed, choice, step): 53 bits of the generator's first two words."""
    high, low, _, _ = philox((step & MASK32, step >> 32, choice, 0), (seed & MASK32, seed >> 32))
    return float(((high << 32) | low) >> 11) * 2.0**-53
