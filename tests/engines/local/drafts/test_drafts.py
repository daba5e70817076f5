"""Guesses on the real nano and on other weights: fewer calls, and not another token or bit for any of them."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.engines.local.nano_requests import ask, collect, tokens
from tests.engines.local.other_models import write_mamba
from tests.requests import constrain

from mimo.contract.errors import EngineError
from mimo.engines.local.engine import LocalEngine, start_local
from mimo.engines.local.model.options import DecodeCall, ModelOptions
from mimo.nano import gguf_path
from mimo.types import TokenBatch, TokenRequest

KEYS = {"first_name_of_the_customer": {"enum": ["Ada"]}, "favourite_colour": {"enum": ["red", "blue"]}}
SCHEMA = {"type": "object", "properties": KEYS, "required": list(KEYS), "additionalProperties": False}
GRAMMAR = f'%llguidance {{"no_forcing": true}}\nstart: %json {json.dumps(SCHEMA)}\n'


def json_request(engine: LocalEngine, seed: int, temperature: float = 1.0) -> TokenRequest:
    return ask(
        engine, "Name and colour?", logprobs=2, seed=seed, temperature=temperature, logit_bias=(),
        max_completion_tokens=80,        constrain=constrain(engine.tokenizer, grammar=GRAMMAR, thinking=False),
    )  # fmt: skip


def several_rows(calls: deque[DecodeCall]) -> list[DecodeCall]:
    """The calls of a step in which one slot has more rows than a lone sequence brings."""
    return [call for call in calls if call.step and len(call.slots) > 2 and len(set(call.slots)) == 1]


async def test_forced_tokens_take_fewer_calls_and_are_the_same_bits_as_without(
    nano: LocalEngine, nano_calls: deque[DecodeCall]
) -> None:
    """With five others running nothing is guessed."""
    for seed, temperature in ((1, 0.0), (2, 1.0), (3, 0.5)):
        nano_calls.clear()
        (guessed,) = await collect(nano, json_request(nano, seed, temperature))
        steps = sum(call.step for call in nano_calls)
        assert several_rows(nano_calls)
        assert temperature > 0.0 or steps < 0.8 * len(tokens(guessed)), f"{steps} for {len(tokens(guessed))}"
        others = [asyncio.create_task(collect(nano, ask(nano, str(at), max_completion_tokens=900))) for at in range(5)]
        await asyncio.sleep(0.2)
        nano_calls.clear()
        (plain,) = await collect(nano, json_request(nano, seed, temperature))
        assert not several_rows(nano_calls)
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        assert guessed == plain  # the floats of the logprobs too: bit for bit


async def test_a_forced_run_ends_at_the_limit(nano: LocalEngine) -> None:
    (whole,) = await collect(nano, json_request(nano, 1))
    for limit in range(1, 12):
        wanted = json_request(nano, 1)
        cut = TokenRequest(wanted.prompt, wanted.sampling, limit, 0, 1, wanted.constrain)
        (choice,) = await collect(nano, cut)
        assert tokens(choice) == tokens(whole)[:limit] and choice[-1].finish == "length"


@pytest.fixture(scope="module")
async def looking_up() -> AsyncIterator[tuple[LocalEngine, deque[DecodeCall]]]:
    calls: deque[DecodeCall] = deque(maxlen=10_000)
    options = ModelOptions(slots=4, context_window=1024, threads=1, observer=calls.append, draft="prompt-lookup")
    engine = await start_local(gguf_path(), options, queue=8)
    yield engine, calls
    await engine.close()


async def test_prompt_lookup_gives_the_same_tokens_in_fewer_calls(
    nano: LocalEngine, looking_up: tuple[LocalEngine, deque[DecodeCall]]
) -> None:
    engine, calls = looking_up
    for seed, temperature in ((1, 0.0), (2, 1.0), (3, 0.3)):
        text = "Repeat: one two three four five six seven."
        wanted = ask(nano, text, 200, seed=seed, temperature=temperature, logprobs=1)
        plain: list[list[TokenBatch]] = await collect(nano, wanted)
        calls.clear()
        assert await collect(engine, wanted) == plain
        if temperature == 0.0:
            assert sum(call.step for call in calls) < len(tokens(plain[0]))


async def test_prompt_lookup_on_a_model_that_cannot_take_tokens_back_is_one_line(tmp_path: Path) -> None:
    write_mamba(path := tmp_path / "mamba.gguf")
    with pytest.raises(EngineError, match="prompt-lookup needs a model whose tokens can be taken back; leave it out"):
        await start_local(path, ModelOptions(slots=2, draft="prompt-lookup"))
