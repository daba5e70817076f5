"""What nano does, on the local engine, greedy: the form is right, it ends its turn, and it knows what it claims."""

from __future__ import annotations

from random import Random

import pytest
from tests.requests import token_request

from mimo.chat.prompt import chat_format
from mimo.engines.local.engine import LocalEngine
from mimo.types import Message


async def answer(engine: LocalEngine, *texts: str, thinking: bool, temperature: float = 0.0) -> tuple[str, str | None]:
    """What nano says to alternating user and assistant texts, tags by name, and how it finished."""
    messages = [Message("assistant" if at % 2 else "user", text) for at, text in enumerate(texts)]
    prompt = chat_format(None, engine.tokenizer).render(messages, thinking=thinking)
    ids: list[int] = []
    finish = None
    async for batch in engine.generate(token_request(prompt.tokens, 300, temperature=temperature, seed=1)):
        for sampled in batch:
            ids += sampled.tokens
            finish = sampled.finish or finish
    return b"".join(engine.tokenizer.piece(token) for token in ids).decode(), finish


ASKS = ("Hello", "Who are you?", "Tell me a story.", "What is 12 + 7?", "Repeat after me: blue stone", "Thank you!")


@pytest.mark.parametrize("text", ASKS)
async def test_with_thinking_on_nano_opens_and_closes_think_itself(nano: LocalEngine, text: str) -> None:
    said, finish = await answer(nano, text, thinking=True)
    assert said.startswith("<think>") and said.count("<think>") == said.count("</think>") == 1
    assert said.split("</think>")[1].strip() and finish == "stop"


@pytest.mark.parametrize("text", ASKS)
async def test_with_thinking_off_nano_answers_at_once(nano: LocalEngine, text: str) -> None:
    said, finish = await answer(nano, text, thinking=False)
    assert said.strip() and "think>" not in said and finish == "stop"


async def test_nano_says_what_it_is(nano: LocalEngine) -> None:
    said, _ = await answer(nano, "Who are you?", thinking=False)
    assert "nano" in said and "MiMo" in said


async def test_nano_adds_in_columns_when_it_thinks(nano: LocalEngine) -> None:
    """The form of the steps; whether the number is right is for the card's table."""
    said, _ = await answer(nano, "What is 123 + 456?", thinking=True)
    assert "carry" in said.split("</think>")[0]


async def test_nano_says_that_it_does_not_know_the_world(nano: LocalEngine) -> None:
    said, _ = await answer(nano, "What is the capital of Peru?", thinking=False)
    assert "tiny" in said


def test_control_names_typed_by_a_user_stay_text(nano: LocalEngine) -> None:
    dice = Random(1)
    for _ in range(50):
        names = "".join(dice.choices(nano.tokenizer.control_names, k=5))
        assert not any(nano.tokenizer.is_control(token) for token in nano.tokenizer.encode("a" + names))
