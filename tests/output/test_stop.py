"""Claims about stop strings in a stream of text."""

from __future__ import annotations

import itertools
import random
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from mimo.output.stop import StopFilter

stops = st.lists(st.text(alphabet="abé", min_size=1, max_size=5), min_size=1, max_size=4, unique=True).map(tuple)
chunks = st.lists(st.text(alphabet="abé😀", min_size=1, max_size=4), max_size=20)


def first_match(text: str, stops: tuple[str, ...]) -> str | None:
    """The stop that completes first, the longest of those; by looking at every prefix."""
    for end in range(len(text) + 1):
        ending = [stop for stop in stops if text[:end].endswith(stop)]
        if ending:
            return max(ending, key=len)
    return None


@settings(derandomize=True, deadline=None, max_examples=600)
@given(stops, chunks)
def test_any_split_sends_exactly_what_comes_before_the_first_match_to_complete(
    stops: tuple[str, ...], chunks: list[str]
) -> None:
    text = "".join(chunks)
    match = first_match(text, stops)
    expected = text if match is None else text[: min(e for e in range(len(text) + 1) if text[:e].endswith(match))]
    expected = expected if match is None else expected[: -len(match)]
    filter_, sent, pushed = StopFilter(stops), "", 0
    for chunk in chunks:
        sent += filter_.push(chunk)
        pushed += len(chunk)
        assert expected.startswith(sent)
        if filter_.match is not None:
            break
        assert pushed - len(sent) <= max(map(len, stops)) - 1, "more is held than can begin a match"
        held = text[len(sent) : pushed]
        assert any(stop.startswith(held) for stop in stops), "held text cannot begin a match"
    else:
        sent += filter_.flush()
    assert filter_.match == match
    assert sent == expected


def test_the_first_to_complete_wins_over_the_first_to_begin() -> None:
    filter_ = StopFilter(("abcd", "bc"))
    assert filter_.push("xab") == "x"
    assert filter_.push("cd") == "a"
    assert filter_.match == "bc"


def test_the_longest_wins_among_those_that_complete_together() -> None:
    for order in [("c", "abc"), ("abc", "c")]:
        filter_ = StopFilter(order)
        assert (filter_.push("xabc"), filter_.match) == ("x", "abc")


def test_every_short_stop_is_found_where_a_plain_search_finds_it() -> None:
    """All 254 stops of up to seven letters over two, in a text in which all of them occur (fixed seed)."""
    text = "".join(random.Random(7).choices("ab", k=2000))
    for size in range(1, 8):
        for letters in itertools.product("ab", repeat=size):
            stop = "".join(letters)
            filter_, sent = StopFilter((stop,)), ""
            for letter in text:
                sent += filter_.push(letter)
                if filter_.match is not None:
                    break
            assert sent == text[: text.index(stop)]


def test_text_buffered_for_a_stop_is_not_lost_at_the_end() -> None:
    filter_ = StopFilter(("END",))
    assert (filter_.push("the E"), filter_.push("N"), filter_.flush()) == ("the ", "", "EN")


def test_a_match_that_falls_apart_gives_back_only_what_can_no_longer_match() -> None:
    filter_ = StopFilter(("aab",))
    assert [filter_.push(letter) for letter in "aaaab"] == ["", "", "a", "a", ""]
    assert filter_.match == "aab"


def test_a_stop_of_ten_million_characters_costs_nothing_until_it_matches() -> None:
    began = time.process_time()
    for _ in range(100):
        StopFilter(("x" * 10_000_000,)).push("hello")
    assert time.process_time() - began < 2


def test_the_cost_is_linear_for_a_stop_that_nearly_matches_all_the_time() -> None:
    filter_ = StopFilter(("a" * 20_000 + "b",))
    began = time.process_time()
    sent = sum(len(filter_.push("a")) for _ in range(60_000))
    assert sent == 40_000
    assert time.process_time() - began < 3
