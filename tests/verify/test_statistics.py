"""Claims about the statistics themselves: draws from a known distribution fit it, and draws from another do not."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2  # type: ignore[import-untyped]

from mimo.verify.statistics import (
    Step,
    chi_square_odds,
    chi_square_tail,
    energy,
    nucleus,
    nucleus_at,
    repeat_deviation,
    scaled,
    steps_of,
    z_score,
)

TOKENS = [bytes([value]) for value in range(20)]


def drawn_steps(temperature: float, count: int = 2000) -> Iterator[Step]:
    """Steps with random logprobs, sampled at `temperature`; a fixed seed, so the outcome is fixed."""
    random = np.random.default_rng(7)
    for _ in range(count):
        logits = random.normal(0, 2, len(TOKENS))
        top = dict(zip(TOKENS, (logits - np.log(np.exp(logits).sum())).tolist(), strict=True))
        shares = np.array(list(scaled(top, temperature).values()))
        yield Step(TOKENS[random.choice(len(TOKENS), p=shares / shares.sum())], top)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0])
def test_energy_is_small_at_the_temperature_of_the_draws_and_large_at_others(temperature: float) -> None:
    steps = list(drawn_steps(temperature))
    assert abs(energy(steps, temperature)) < 4.4  # false alarm 1e-5
    assert abs(energy(steps, temperature * 1.5)) > 6
    assert abs(energy(steps, temperature / 1.5)) > 6


@given(st.floats(0, 200), st.integers(1, 60))
def test_the_chi_square_tail_is_that_of_scipy(statistic: float, freedom: int) -> None:
    assert chi_square_tail(statistic, freedom) == pytest.approx(chi2.sf(statistic, freedom), rel=1e-9, abs=1e-300)


def test_counts_fit_the_probabilities_they_were_drawn_from_and_no_others() -> None:
    random = np.random.default_rng(7)
    expected = dict(zip(TOKENS, (shares := random.dirichlet(np.ones(len(TOKENS)))).tolist(), strict=True))
    seen = Counter(TOKENS[at] for at in random.choice(len(TOKENS), 2000, p=shares))
    assert chi_square_odds(seen, expected) > 1e-5
    assert chi_square_odds(seen, dict.fromkeys(TOKENS, 1 / len(TOKENS))) < 1e-12
    with pytest.raises(ValueError, match="too narrow"):
        chi_square_odds(Counter({b"a": 100}), {b"a": 0.99, b"b": 0.01})


def test_a_nucleus_is_the_shortest_prefix_and_none_where_rounding_decides() -> None:
    step = Step(b"a", {b"b": math.log(0.25), b"a": math.log(0.5), b"c": math.log(0.125)})
    assert nucleus(step, 0.4) == [b"a"]
    assert nucleus(step, 0.6) == [b"a", b"b"]
    assert nucleus(step, 0.5) == []  # exactly the first token: rounding decides
    assert nucleus(step, 0.95) == []  # beyond what is reported


def test_a_cold_nucleus_counts_the_tail_as_heavy_as_it_can_be() -> None:
    """At temperature 0.5 the weights are squares: 0.25 and 0.0625, and at most 0.25 * 0.25 of the tail of 0.25."""
    step = Step(b"a", {b"a": math.log(0.5), b"b": math.log(0.25)})
    assert nucleus_at(step, 0.5, 0.6) == [b"a"]  # 0.25 / 0.375 = 0.667
    assert nucleus_at(step, 0.5, 0.7) == [b"a", b"b"]  # 0.3125 / 0.375 = 0.833
    assert nucleus_at(step, 0.5, 0.9) == []


def test_a_repeat_is_expected_as_often_as_the_penalties_say() -> None:
    step = Step(b"a", {b"a": math.log(0.5), b"b": math.log(0.5)})
    observed, variance = repeat_deviation(step, {b"a": 2}, 0.5, 1.0, 1.0)
    odds = math.exp(-2) / (1 + math.exp(-2))
    assert (observed, variance) == pytest.approx((1 - odds, odds * (1 - odds)))
    assert repeat_deviation(Step(b"z", step.top), {b"a": 2}, 0.5, 1.0, 1.0) == (0.0, 0.0)
    assert z_score([(1.0, 0.25), (1.0, 0.75)]) == 2.0


def test_steps_are_read_from_the_logprobs_of_a_choice() -> None:
    entry = {"bytes": [104], "top_logprobs": [{"bytes": [104], "logprob": -0.5}, {"bytes": [105], "logprob": -1.5}]}
    (step,) = steps_of({"logprobs": {"content": [entry]}})
    assert (step.drawn, step.likeliest) == (b"h", [b"h", b"i"])
