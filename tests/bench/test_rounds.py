"""Claims about the arithmetic of the benchmarks."""

import pytest
from bench.rounds import interleaved, middle, ratios, spread


def test_cases_take_turns_and_the_first_round_is_thrown_away() -> None:
    turns: list[str] = []

    def case(name: str) -> float:
        turns.append(name)
        return float(len(turns))

    found = interleaved({"a": lambda: case("a"), "b": lambda: case("b")}, rounds=2)
    assert turns == ["a", "b"] * 3
    assert found == {"a": [3.0, 5.0], "b": [4.0, 6.0]}


def test_a_ratio_is_taken_round_by_round() -> None:
    assert ratios([2, 20, 200], [1, 10, 100]) == [2, 2, 2]


def test_series_of_different_rounds_have_no_ratio() -> None:
    with pytest.raises(ValueError):
        ratios([1.0], [1.0, 2.0])


def test_the_spread_is_half_the_range_over_the_median() -> None:
    assert spread([90, 100, 110]) == pytest.approx(0.1)
    assert spread([5]) == 0
    assert middle([1, 2, 30]) == 2
