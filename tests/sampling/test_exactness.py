"""The sampler against the float64 reference: what is kept, with which probability, and what is drawn.

Hypothesis runs derandomized: the examples are the same every time, there are no false alarms. Tolerances: a kept set
may differ by the token at the edge, and by what together weighs less than 1e-12 of the whole, where the reference's own
sum is within 1e-12 of another answer; a drawn token, where u is within 1e-9 of a boundary (4e-6 for top_p 1, whose
block sums are float32).
"""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.requests import sampling
from tests.sampling import reference
from tests.sampling.rows import KINDS, Row, row

from mimo.sampling import Sampler

TEMPERATURES = [0.0, 5e-324, 1e-310, 1e-40, 1e-30, 1e-6, 0.01, 0.3, 0.7, 1.0, 1.5, 2.0]
TOP_PS = [0.0, 1e-9, 0.1, 0.5, 0.8, 0.95, 0.99, 0.9999999, np.nextafter(1.0, 0.0), 1.0]

temperatures = st.sampled_from(TEMPERATURES) | st.floats(0, 2)
top_ps = st.sampled_from(TOP_PS) | st.floats(0, 1)
kinds = st.sampled_from(sorted(KINDS))
seeds = st.integers(0, 2**63 - 1)


def hold_to_reference(z: Row, temperature: float, top_p: float, seed: int) -> None:
    sampler = Sampler(1, len(z), threads=1)
    sampler.begin(0, sampling(temperature=temperature, top_p=top_p, seed=seed))
    before = z.copy()
    trace = sampler.trace(z, 0)
    np.testing.assert_array_equal(z, before)
    kept = reference.keep(reference.adjust(z, {}), temperature, top_p)
    if kept.margin > 1e-12 or len(trace.ids) == len(kept.ids):
        np.testing.assert_array_equal(trace.ids, kept.ids)
        np.testing.assert_allclose(trace.probabilities, kept.probabilities, rtol=1e-9, atol=1e-300)
    else:
        fewer, more = sorted((trace.ids, kept.ids), key=len)
        assert np.isin(fewer, more).all()
        both = trace if more is trace.ids else kept
        assert both.probabilities[~np.isin(more, fewer)][1:].sum() <= 1e-12
    u = reference.uniform(seed, 0, 0)
    assert trace.uniform == u
    token, margin = reference.draw(reference.Kept(trace.ids, trace.probabilities, 1.0), u)
    if margin > (4e-6 if top_p == 1.0 else 1e-9):
        assert trace.token == token
    assert trace.token in trace.ids
    assert sampler.sample(z[None], [0]).tokens == [trace.token]


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(kinds, st.integers(1, 300), temperatures, top_ps, seeds)
def test_small_rows_agree_with_the_reference(kind: str, n: int, temperature: float, top_p: float, seed: int) -> None:
    hold_to_reference(row(kind, n, seed), temperature, top_p, seed)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.floats(width=32), min_size=8, max_size=8), temperatures, top_ps, seeds)
@example([1.0, -np.inf] * 4, 1.0, 0.5, 0)
def test_any_eight_floats_agree_with_the_reference(z: list[float], temperature: float, top_p: float, seed: int) -> None:
    logits = np.array(z, np.float32)
    if np.any(logits > -np.inf):
        hold_to_reference(logits, temperature, top_p, seed)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(kinds, temperatures, top_ps, seeds)
def test_rows_of_8192_agree_with_the_reference(kind: str, temperature: float, top_p: float, seed: int) -> None:
    hold_to_reference(row(kind, 8192, seed), temperature, top_p, seed)


@settings(max_examples=250, deadline=None, derandomize=True)
@given(kinds, temperatures, top_ps, seeds)
def test_rows_of_152576_agree_with_the_reference(kind: str, temperature: float, top_p: float, seed: int) -> None:
    hold_to_reference(row(kind, 152576, seed), temperature, top_p, seed)


@pytest.mark.parametrize("kind", ["flat", "peaked", "uniform", "tied", "equal"])
@pytest.mark.parametrize("top_p", [0.5, 0.95, 0.999])
@pytest.mark.parametrize("temperature", [0.7, 1.0])
def test_the_usual_parameters_at_mimos_vocabulary_agree_with_the_reference(
    kind: str, top_p: float, temperature: float
) -> None:
    for seed in range(2):
        hold_to_reference(row(kind, 152576, seed), temperature, top_p, seed)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.sampled_from(["flat", "peaked", "uniform", "two levels", "tied"]),
    st.sampled_from([8, 200, 8192, 152576]),
    st.sampled_from([0.5, 1.0, 2.0]),
    st.floats(0.01, 0.999),
    st.sampled_from([-1e-8, -1e-10, 1e-10, 1e-8]),
    seeds,
)
def test_a_top_p_next_to_a_prefix_sum_is_decided_as_in_float64(
    kind: str, n: int, temperature: float, share: float, aside: float, seed: int
) -> None:
    """float32 sums cannot decide these; `aside` is how far top_p lies from the sum of a prefix, as a share of it."""
    z = row(kind, n, seed)
    weights = np.exp((z.astype(np.float64) - float(z.max())) / temperature)
    order = np.lexsort((np.arange(n), -z.astype(np.float64)))
    sums = np.cumsum(weights[order].astype(np.longdouble))
    at = int(np.argmax(sums >= share * sums[-1]))
    hold_to_reference(z, temperature, float(sums[at] / sums[-1]) * (1 + aside), seed)


@pytest.mark.parametrize("n", [8, 64, 200, 8192])
def test_equal_logits_are_kept_by_ascending_id_and_the_sum_may_be_met_exactly(n: int) -> None:
    for share in (0.25, 0.5, 0.75):
        sampler = Sampler(1, n, threads=1)
        sampler.begin(0, sampling(top_p=share))
        assert sampler.trace(np.full(n, 3.25, np.float32), 0).ids.tolist() == list(range(int(n * share)))


def test_a_sum_that_is_met_exactly_between_two_levels_keeps_no_more() -> None:
    """40 weights of 1 and 80 of 1/2: the first 40 are exactly half."""
    z = np.tile(np.array([0, -1, -1], np.float32), 40)
    sampler = Sampler(1, 120, threads=1)
    sampler.begin(0, sampling(temperature=1.4426950408889634, top_p=0.5))
    assert sampler.trace(z, 0).ids.tolist() == list(range(0, 120, 3))


def test_top_p_is_taken_after_temperature() -> None:
    z = np.array([2.0, 1.0, 0.0], np.float32)
    for temperature, kept in ((0.2, [0]), (1.0, [0, 1]), (2.0, [0, 1, 2])):
        sampler = Sampler(1, 3, threads=1)
        sampler.begin(0, sampling(temperature=temperature, top_p=0.9))
        assert sampler.trace(z, 0).ids.tolist() == kept


def test_a_row_with_nothing_left_gives_no_token_and_harms_no_other() -> None:
    dead = np.full(100, -np.inf, np.float32)
    dead[::2] = np.nan
    dead[1::4] = -np.nan
    for temperature in (0.0, 1.0):
        sampler = Sampler(2, 100, threads=1)
        for slot in range(2):
            sampler.begin(slot, sampling(temperature=temperature, logprobs=2))
        drawn = sampler.sample(np.stack([dead, np.arange(100, dtype=np.float32)]), [0, 1])
        assert drawn.tokens[0] == -1
        assert drawn.tokens[1] >= 90
        assert list(drawn.logprobs) == [1]
        assert len(sampler.trace(dead, 0).ids) == 0
