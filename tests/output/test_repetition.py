"""Claims about loops: what is one, what is none, and that only the tokens decide."""

from __future__ import annotations

import random

import pytest

from mimo.output.choice import ChoiceOutput
from mimo.output.repetition import PERIOD, REPEATS, TOKENS, Repetition
from mimo.tokenizers.bytes import ByteTokenizer
from mimo.types import ContentDelta, Finish, TokenBatch


def caught_at(tokens: list[int]) -> int | None:
    """How many tokens there were when the loop was seen."""
    repetition = Repetition()
    return next((at for at, token in enumerate(tokens, 1) if repetition.push(token)), None)


def unlike(count: int, seed: int = 0) -> list[int]:
    rng = random.Random(seed)
    return [rng.randrange(150_000) for _ in range(count)]


@pytest.mark.parametrize("period", [1, 2, 3, 7, 32, 33, 64, 100, PERIOD])
@pytest.mark.parametrize("before", [0, 1000, 50_000])
def test_a_loop_is_caught_within_64_tokens_of_what_makes_it_one(period: int, before: int) -> None:
    loop = max(TOKENS, REPEATS * period)
    at = caught_at(unlike(before) + unlike(period, 1) * (2 * REPEATS + 2 * TOKENS // period))
    assert at is not None and before + loop <= at < before + loop + 64


def test_the_numbers_are_those_that_are_promised() -> None:
    assert (PERIOD, REPEATS, TOKENS) == (256, 64, 2048)


def test_longer_periods_are_left_alone() -> None:
    assert caught_at(unlike(PERIOD + 1) * 200) is None


def test_lists_tables_and_refrains_are_no_loops() -> None:
    assert caught_at([5] * (TOKENS - 1)) is None
    assert caught_at(([48, 44] * 20 + [10]) * 40 + unlike(500)) is None  # forty rows of twenty zeros
    numbered = [token for row in range(2000) for token in (row, 44, 10)]
    assert caught_at(numbered) is None
    assert caught_at(([7] * 2000 + [8]) * 5) is None


def test_random_tokens_of_a_tiny_alphabet_are_no_loop() -> None:
    rng = random.Random(3)  # odds of a false alarm: below 3 ** -1700
    assert caught_at([rng.randrange(3) for _ in range(50_000)]) is None


def test_a_choice_in_a_loop_ends_and_keeps_its_text() -> None:
    tokenizer = ByteTokenizer()
    tokens = tuple(b"so it goes. " * 400)
    whole = choice(tokenizer, on=True)
    events = whole.push(TokenBatch(0, tokens, (), "length"))
    assert events[-1] == Finish(0, "repetition_truncation")
    assert whole.stopped_early and whole.completion_tokens == TOKENS
    assert isinstance(events[0], ContentDelta) and events[0].text == tokenizer_text(tokens[:TOKENS])
    parts = choice(tokenizer, on=True)
    texts = [event for at in range(0, len(tokens), 7) for event in parts.push(TokenBatch(0, tokens[at : at + 7]))]
    assert "".join(event.text for event in texts if isinstance(event, ContentDelta)) == events[0].text
    assert parts.completion_tokens == TOKENS, "a stream ends where the whole does"
    off = choice(tokenizer, on=False)
    assert off.push(TokenBatch(0, tokens, (), "length"))[-1] == Finish(0, "length")


def choice(tokenizer: ByteTokenizer, on: bool) -> ChoiceOutput:
    return ChoiceOutput(0, tokenizer, thinking=False, in_reasoning=False, stop=(), repetition_truncation=on)


def tokenizer_text(tokens: tuple[int, ...]) -> str:
    return bytes(tokens).decode()
