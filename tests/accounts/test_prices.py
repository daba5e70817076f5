"""Prices: exact, dated, in bands."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from mimo.accounts.prices import DOLLAR, FREE, dollars, rate_of
from mimo.config import ConfigError, load_settings, model_rows
from mimo.contract.models import MODELS, Price
from mimo.types import Usage

TODAY = date(2026, 11, 25)
PRO, FLASH = MODELS["mimo-v2-pro"], MODELS["mimo-v2-flash"]
COUNTS = some.integers(0, 2_000_000)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(prompt=COUNTS, cached=COUNTS, completion=COUNTS, prices=some.tuples(*[some.decimals(0, 1000, places=6)] * 3))
def test_the_cost_is_the_price_in_exact_fractions(prompt, cached, completion, prices):
    cached = min(cached, prompt)
    model = replace(FLASH, prices=(Price(*map(float, prices)),))
    cost = rate_of(model, prompt, TODAY).cost(Usage(prompt, completion, 0, cached))
    fresh, from_cache, output = map(Fraction, prices)
    exact = ((prompt - cached) * fresh + cached * from_cache + completion * output) / 10**6
    assert Fraction(cost, DOLLAR) == exact


@pytest.mark.parametrize(("tokens", "dollars_each"), [(256_000, 1.0), (256_001, 2.0)])
def test_a_long_prompt_is_in_the_higher_band(tokens, dollars_each):
    assert rate_of(PRO, tokens, TODAY).input == dollars_each * 10**6


def test_the_newest_price_in_force_counts_with_its_own_bands():
    later = (Price(5.0, 1.0, 9.0, since=date(2026, 12, 1)),)
    model = replace(PRO, prices=(*PRO.prices, *later))
    assert rate_of(model, 300_000, date(2026, 11, 30)).input == 2_000_000
    assert rate_of(model, 300_000, date(2026, 12, 1)).input == 5_000_000
    assert rate_of(model, 1, date(2026, 12, 1)).version == "5/1/9 since 2026-12-01"


def test_a_model_without_a_price_costs_nothing():
    assert rate_of(replace(FLASH, prices=()), 10, TODAY) is FREE
    assert rate_of(replace(FLASH, prices=(Price(1, 1, 1, since=date(2027, 1, 1)),)), 10, TODAY) is FREE


def test_an_operator_overrides_prices_and_limits_in_the_file(tmp_path):
    file = tmp_path / "mimo.toml"
    file.write_text(
        '[[models]]\nid = "mimo-v2-flash"\nrequests_per_minute = 7\n'
        "[[models.prices]]\ninput = 3\ncached_input = 1\noutput = 4.5\n"
        "[[models.prices]]\ninput = 6\ncached_input = 2\noutput = 9\nsince = 2027-01-01\n"
    )
    row = model_rows(load_settings({}, file=file, environment={}))["mimo-v2-flash"]
    assert (row.requests_per_minute, row.max_completion_tokens) == (7, 64_000)
    assert rate_of(row, 1, TODAY).version == "3/1/4.5"
    assert rate_of(row, 1, date(2027, 5, 1)).output == 9 * 10**6


def test_a_wrong_price_in_the_file_is_one_line(tmp_path):
    file = tmp_path / "mimo.toml"
    file.write_text('[[models]]\nid = "x"\nprices = [{input = "much"}]\n')
    with pytest.raises(ConfigError, match="models: prices: ") as problem:
        model_rows(load_settings({}, file=file, environment={}))
    assert "\n" not in str(problem.value)


def test_an_alias_counts_as_its_model():
    from mimo.contract.models import alias, with_models

    once = with_models([alias("a", "mimo-v2-pro")])
    assert alias("b", "a", once).counts_as == "mimo-v2-pro"


@pytest.mark.parametrize(
    ("pico", "text"),
    [(0, "0.00"), (1, "0.000000000001"), (DOLLAR, "1.00"), (-DOLLAR // 2, "-0.50"), (12 * 10**10, "0.12")],
)
def test_dollars_are_written_exactly(pico, text):
    assert dollars(pico) == text
