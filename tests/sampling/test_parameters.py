"""Each parameter does what the contract says, through the public interface."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.requests import sampling
from tests.sampling import reference
from tests.sampling.rows import row

from mimo.sampling import Sampler

penalties = st.floats(-2, 2)


def force(sampler: Sampler, slot: int, tokens: list[int]) -> None:
    """Have these tokens sampled, one after the other, by logits that leave no choice."""
    for token in tokens:
        z = np.full((1, sampler.vocabulary), -1e30, np.float32)
        z[0, token] = 1e30
        assert sampler.sample(z, [slot]).tokens == [token]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(0, 99), max_size=30),
    penalties,
    penalties,
    st.dictionaries(st.integers(0, 99), st.floats(-100, 100), max_size=20),
    st.integers(0, 2**32),
)
def test_bias_and_penalties_are_added_to_the_raw_logits(
    sampled: list[int], frequency: float, presence: float, bias: dict[int, float], seed: int
) -> None:
    raw, given_bias = row("flat", 100, seed), tuple(bias.items())
    sampler = Sampler(3, 100, threads=1)
    params = sampling(frequency_penalty=frequency, presence_penalty=presence, logit_bias=given_bias)
    for slot in range(3):
        sampler.begin(slot, params)
    force(sampler, 1, sampled)
    counts = {token: sampled.count(token) for token in sampled}
    np.testing.assert_array_equal(
        sampler.trace(raw, 1).adjusted, reference.adjust(raw, counts, frequency, presence, given_bias)
    )
    untouched = reference.adjust(raw, {}, frequency, presence, given_bias)
    for slot in (0, 2):
        np.testing.assert_array_equal(sampler.trace(raw, slot).adjusted, untouched)


def test_a_new_choice_in_a_slot_starts_with_nothing_counted_and_at_step_0() -> None:
    sampler = Sampler(1, 50, threads=1)
    params = sampling(frequency_penalty=1, presence_penalty=1, logit_bias=((7, 2.0),), seed=5)
    raw = row("flat", 50, 1)
    sampler.begin(0, params)
    first = sampler.trace(raw, 0)
    force(sampler, 0, [3, 7, 3])
    assert not np.array_equal(sampler.trace(raw, 0).adjusted, first.adjusted)
    assert sampler.trace(raw, 0).uniform != first.uniform
    sampler.begin(0, params)
    again = sampler.trace(raw, 0)
    np.testing.assert_array_equal(again.adjusted, first.adjusted)
    assert again.uniform == first.uniform


def test_a_presence_penalty_counts_once_and_a_frequency_penalty_each_time() -> None:
    sampler = Sampler(2, 4, threads=1)
    sampler.begin(0, sampling(presence_penalty=0.5))
    sampler.begin(1, sampling(frequency_penalty=0.5))
    for slot in range(2):
        force(sampler, slot, [2, 2, 2, 1])
    zero = np.zeros(4, np.float32)
    assert sampler.trace(zero, 0).adjusted.tolist() == [0, -0.5, -0.5, 0]
    assert sampler.trace(zero, 1).adjusted.tolist() == [0, -0.5, -1.5, 0]


def test_thousands_of_sampled_tokens_are_all_counted() -> None:
    """More than a slot's list first has room for; another slot's list grows with it and stays as it was."""
    n, random = 5000, np.random.default_rng(3)
    sampler = Sampler(2, n, threads=1)
    for slot in range(2):
        sampler.begin(slot, sampling(temperature=0, frequency_penalty=0.25, presence_penalty=0.125))
    counts: list[dict[int, int]] = [{}, {}]
    for _ in range(3000):
        logits = random.random((2, n)).astype(np.float32)
        tokens = sampler.sample(logits, [0, 1]).tokens
        for slot in range(2):
            counts[slot][tokens[slot]] = counts[slot].get(tokens[slot], 0) + 1
    assert len(counts[0]) > 1000
    raw = row("flat", n, 0)
    for slot in range(2):
        np.testing.assert_array_equal(
            sampler.trace(raw, slot).adjusted, reference.adjust(raw, counts[slot], 0.25, 0.125)
        )


def test_temperature_0_takes_the_largest_logit_and_the_lowest_id_of_a_tie() -> None:
    sampler = Sampler(1, 300, threads=1)
    sampler.begin(0, sampling(temperature=0, top_p=0.5))
    for places in ([299], [0, 299], [70, 130, 131], [255, 256]):
        z = np.zeros((1, 300), np.float32)
        z[0, places] = 2.5
        assert sampler.sample(z, [0]).tokens == [places[0]]
    signs = np.full((1, 300), -1, np.float32)
    signs[0, 5], signs[0, 200] = -0.0, 0.0
    assert sampler.sample(signs, [0]).tokens == [5]
    infinite = np.zeros((1, 300), np.float32)
    infinite[0, [9, 30]] = np.inf
    assert sampler.sample(infinite, [0]).tokens == [9]


def test_padding_ids_are_never_sampled_and_carry_no_probability() -> None:
    sampler = Sampler(1, 128, threads=1, valid=100)
    z = np.zeros(128, np.float32)
    z[100:] = 50
    for temperature in (0.0, 1.0):
        sampler.begin(0, sampling(temperature=temperature, top_p=1.0, logprobs=20, logit_bias=((127, 100.0),)))
        assert sampler.trace(z, 0).ids.max() < 100
        drawn = sampler.sample(z[None].copy(), [0])
        assert drawn.tokens[0] < 100
        assert drawn.logprobs[0].logprob == pytest.approx(-np.log(100), abs=2e-6)
        assert [token for token, _ in drawn.logprobs[0].top] == list(range(20))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.sampled_from(["flat", "peaked", "tied", "equal", "infinite", "minus infinite", "not a number"]),
    st.sampled_from([5, 64, 1000, 8192]),
    st.integers(0, 20),
    st.integers(0, 2**32),
)
def test_logprobs_are_of_the_raw_row_whatever_the_parameters(kind: str, n: int, top: int, seed: int) -> None:
    raw = row(kind, n, seed)
    sampler = Sampler(1, n, threads=1)
    random = np.random.default_rng(seed)
    bias = tuple((int(token), 3.0) for token in random.choice(n, 5, replace=False))
    sampler.begin(
        0,
        sampling(
            temperature=1.7,
            top_p=0.6,
            frequency_penalty=1,
            presence_penalty=2,
            logit_bias=bias,
            logprobs=top,
            seed=seed,
        ),
    )
    for _ in range(3):
        drawn = sampler.sample(raw[None].copy(), [0])
        token, got, expected = drawn.tokens[0], drawn.logprobs[0], reference.logprobs(raw)
        assert got.logprob == pytest.approx(expected[token], abs=2e-6)
        order = [t for t in np.lexsort((np.arange(n), -expected)).tolist() if expected[t] > -np.inf][:top]
        assert [t for t, _ in got.top] == order
        np.testing.assert_allclose([value for _, value in got.top], expected[order], atol=2e-6)


def test_logprobs_are_there_only_for_the_rows_that_asked() -> None:
    sampler = Sampler(3, 10, threads=1)
    sampler.begin(0, sampling())
    sampler.begin(1, sampling(logprobs=0))
    sampler.begin(2, sampling(logprobs=3))
    drawn = sampler.sample(np.zeros((3, 10), np.float32), [2, 0, 1])
    assert sorted(drawn.logprobs) == [0, 2]
    assert len(drawn.logprobs[0].top) == 3
    assert drawn.logprobs[2].top == ()
    sampler.begin(2, sampling())
    assert sampler.sample(np.zeros((1, 10), np.float32), [2]).logprobs == {}


@pytest.mark.parametrize("token", [-1, 10])
def test_a_biased_id_outside_the_vocabulary_is_refused(token: int) -> None:
    with pytest.raises(ValueError, match=f"between 0 and 9, got {token}"):
        Sampler(1, 10, threads=1).begin(0, sampling(logit_bias=((token, 1.0),)))


@pytest.mark.parametrize(
    "logits", [np.zeros((1, 10)), np.zeros((1, 20), np.float32)[:, ::2], np.zeros((2, 10), np.float32)]
)
def test_logits_that_cannot_be_worked_on_in_place_are_refused(logits: np.ndarray) -> None:
    sampler = Sampler(2, 10, threads=1)
    sampler.begin(0, sampling())
    with pytest.raises(ValueError, match="logits must be"):
        sampler.sample(logits, [0])
