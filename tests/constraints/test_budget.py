"""Claims about the thinking budget: reasoning is bounded, and an answer always follows."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.requests import constrain

from mimo.output.choice import ChoiceOutput
from mimo.tokenizers.bytes import ByteTokenizer
from mimo.types import Constraint, ContentDelta, TokenBatch

TOKENIZER = ByteTokenizer()
OPENS, CLOSES, END = (TOKENIZER.control(name) for name in ("<think>", "</think>", "<|im_end|>"))


def budgeted(tokens: int, limit: int, in_reasoning: bool = False) -> Constraint:
    made = constrain(TOKENIZER, thinking=True, thinking_budget=tokens, in_reasoning=in_reasoning)
    rule = made(0, limit) if made else None
    assert rule is not None
    return rule


def may(budget: Constraint, token: int | None) -> bool:
    assert token is not None
    allowed = budget.allowed()
    if allowed is None or isinstance(allowed, int):
        return allowed in (None, token)
    assert allowed.dtype == np.uint32
    assert allowed.shape == (-(-TOKENIZER.vocabulary // 32),)
    return bool(int(allowed[token // 32]) >> token % 32 & 1)


def play(budget: Constraint, preferred: list[int], limit: int) -> list[int]:
    """Tokens as a model would draw them: the favourite if allowed, what is forced, else an `x`; without the end."""
    tokens: list[int] = []
    for favourite in preferred + [ord("x")] * limit:
        if len(tokens) == limit:
            break
        forced = budget.allowed()
        token = forced if isinstance(forced, int) else favourite if may(budget, favourite) else ord("x")
        if token == END:
            break
        budget.accept(token)
        tokens.append(token)
    return tokens


def test_the_end_of_reasoning_is_forced_exactly_when_the_budget_is_spent() -> None:
    budget = budgeted(3, 100)
    for token in [OPENS, *b"abc"]:
        assert token is not None
        assert may(budget, 97)
        budget.accept(token)
    assert budget.allowed() == CLOSES


def test_a_prompt_that_left_reasoning_open_counts_from_its_first_token() -> None:
    budget = budgeted(1, 100, in_reasoning=True)
    assert may(budget, 97)
    budget.accept(97)
    assert budget.allowed() == CLOSES


def test_a_budget_of_nothing_closes_at_once() -> None:
    assert budgeted(0, 100, in_reasoning=True).allowed() == CLOSES


def test_reasoning_leaves_room_for_one_token_of_the_answer() -> None:
    budget = budgeted(10**9, 6)
    assert play(budget, [OPENS or 0, *b"abcdefgh"], 6) == [OPENS, *b"abc", CLOSES, ord("d") + 1]


def test_reasoning_may_not_begin_where_no_answer_could_follow() -> None:
    assert not may(budgeted(5, 2), OPENS)
    assert may(budgeted(5, 3), OPENS)


def test_reasoning_that_spent_the_budget_is_not_opened_again() -> None:
    budget = budgeted(1, 100)
    assert play(budget, [OPENS or 0, 97, 97, OPENS or 0], 5)[:4] == [OPENS, 97, CLOSES, ord("x")]


def test_the_turn_may_end_as_soon_as_there_is_an_answer_and_not_before() -> None:
    budget = budgeted(5, 100)
    for token in [OPENS, 97, CLOSES, 10]:
        assert token is not None
        assert not may(budget, END)
        budget.accept(token)
    assert not may(budget, END)
    budget.accept(ord("y"))
    assert budget.allowed() is None


@settings(derandomize=True, deadline=None, max_examples=400)
@given(
    st.lists(st.sampled_from([OPENS, CLOSES, END, 97, 32, 259]), max_size=30),
    st.integers(0, 12),
    st.integers(1, 20),
    st.booleans(),
)
def test_no_model_can_leave_the_answer_empty_or_think_beyond_the_budget(
    preferred: list[int], budget: int, limit: int, in_reasoning: bool
) -> None:
    rule = budgeted(budget, limit, in_reasoning=in_reasoning)
    tokens = play(rule, [favourite for favourite in preferred if favourite != 32], limit)
    output = ChoiceOutput(0, TOKENIZER, thinking=True, in_reasoning=in_reasoning, stop=())
    events = output.push(TokenBatch(0, tuple(tokens), (), "length"))
    assert output.reasoning_tokens <= budget
    if not in_reasoning or limit > 1:  # one token closes what the prompt opened, and no more fits
        assert any(isinstance(event, ContentDelta) and event.text for event in events)


def test_no_constraint_without_a_budget_or_without_the_tags() -> None:
    class Plain(ByteTokenizer):
        def control(self, name: str) -> int | None:
            return None

    assert constrain(TOKENIZER, thinking=True) is None
    assert constrain(Plain(), thinking=True, thinking_budget=2) is None
    assert constrain(TOKENIZER, thinking=True, thinking_budget=2) is not None


def test_the_constraint_knows_whether_the_prompt_left_reasoning_open() -> None:
    assert budgeted(0, 10, in_reasoning=True).allowed() == CLOSES
    assert not isinstance(budgeted(0, 10).allowed(), int)
