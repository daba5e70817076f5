"""Nano's whole window over HTTP, as `mimo serve` starts it: long prompts are answered, far facts found."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import httpx
import pytest
from training.data import EVALUATION_SEED
from training.data.long import Facts, other

from mimo.testing import served

WINDOW = 32_768


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with served() as (address, _), httpx.Client(base_url=address, timeout=240) as client:
        yield client


def say(client: httpx.Client, messages: list[dict[str, str]], **fields: Any) -> tuple[str, dict[str, Any]]:
    """The answer's text and usage."""
    fields = {"model": "mimo-v2-flash", "temperature": 0, "max_completion_tokens": 60, **fields}
    answer = client.post(
        "/v1/chat/completions", json={"messages": messages, "thinking": {"type": "disabled"}, **fields}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["choices"][0]["message"]["content"], answer.json()["usage"]


def test_the_window_in_force_is_the_files(client: httpx.Client) -> None:
    served_by = client.get("/v1/models/mimo-v2-flash").json()["served_by"]
    assert (served_by["model"], served_by["context_window"]) == ("mimo-nano", WINDOW)


@pytest.mark.timeout(300)
def test_facts_are_found_across_three_thousand_tokens_and_the_second_turn_comes_from_the_cache(
    client: httpx.Client,
) -> None:
    """Greedy and from a fixed seed of the held-out ones, so that the number is the same each time."""
    dice, facts, turns = Random(EVALUATION_SEED), Facts(), []
    for at in range(110):
        turns += facts.tell(dice) if at < 8 else other(dice)
    messages, found = [{"role": turn.role, "content": turn.content} for turn in turns], 0
    for number, (question, value) in enumerate(facts.every(dice)):
        said, usage = say(client, [*messages, {"role": "user", "content": question.content}])
        assert usage["prompt_tokens"] > 3000
        if number:
            assert usage["prompt_tokens_details"]["cached_tokens"] > 0.9 * usage["prompt_tokens"]
        found += value in said
    assert found >= 5


def test_a_prompt_over_the_window_is_refused_with_both_numbers(client: httpx.Client) -> None:
    content = "stone river " * WINDOW
    answer = client.post(
        "/v1/chat/completions", json={"messages": [{"role": "user", "content": content}]} | {"model": "mimo-v2-flash"}
    )
    assert answer.status_code == 400 and f"{WINDOW}" in answer.text.replace(",", "")
