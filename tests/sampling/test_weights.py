"""The float32 sums are as good as `nucleus.py` believes: everything exact there rests on that bound."""

import numpy as np
import pytest
from numba import njit
from tests.sampling.rows import KINDS, row

from mimo.sampling.arrays import BLOCK
from mimo.sampling.weights import LOG2_E, WEIGHT_ERROR, block_sums, weight64


@njit
def total(z, peak, scale, sums):  # type: ignore[no-untyped-def]
    return block_sums(z, peak, scale, sums)


@njit
def weigh(z, peak, scale, weights):  # type: ignore[no-untyped-def]
    for i in range(z.shape[0]):
        weights[i] = weight64(z[i], peak, scale)


def error(z: np.ndarray, temperature: float) -> float:
    exact = np.exp((z.astype(np.float64) - float(z.max())) / temperature).sum()
    sums = np.zeros((len(z) + BLOCK - 1) // BLOCK, np.float32)
    return float(abs(total(z, z.max(), LOG2_E / temperature, sums) / exact - 1))


def test_a_float32_sum_errs_less_than_its_bound_where_every_weight_errs_the_same_way() -> None:
    """One logit on top and all others at one level: nothing averages out."""
    random = np.random.default_rng(0)
    for _ in range(1500):
        temperature, top = random.uniform(0.05, 2), random.uniform(-30, 30)
        z = np.full(8192, top - random.uniform(0, 14) * temperature, np.float32)
        z[0] = top
        assert error(z, temperature) < WEIGHT_ERROR / 2


@pytest.mark.parametrize("kind", ["flat", "peaked", "uniform", "tied", "two levels", "neighbours"])
def test_a_float32_sum_errs_less_than_its_bound_on_usual_rows(kind: str) -> None:
    for n in (1, 63, 64, 65, 8192, 152576):
        for temperature in (1e-6, 0.3, 1.0, 2.0):
            assert error(row(kind, n, n), temperature) < WEIGHT_ERROR / 2


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"infinite", "not a number"}))
def test_a_float64_weight_is_that_of_numpy(kind: str) -> None:
    z = row(kind, 5000, 1)
    weights = np.zeros(5000)
    weigh(z, float(z.max()), LOG2_E / 0.8, weights)
    with np.errstate(over="ignore"):
        expected = np.exp((z.astype(np.float64) - float(z.max())) / 0.8)
    np.testing.assert_allclose(weights, np.where(expected < 2.0**-999, 0, expected), rtol=3e-13, atol=2.0**-998)
