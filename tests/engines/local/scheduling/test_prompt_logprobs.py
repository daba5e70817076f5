"""Log-probabilities of a prompt on the real nano: those its tokens had when they were sampled; no stream changes."""

from __future__ import annotations

import asyncio
import math

import numpy as np
import pytest
from msgspec.structs import replace
from tests.engines.local.nano_requests import ask, collect, prompt, tokens
from tests.requests import token_request

from mimo.engines.local.engine import LocalEngine
from mimo.engines.local.scheduling.prompt_logprobs import prompt_logprobs
from mimo.types import TokenLogprob, TokenRequest


async def read(engine: LocalEngine, request: TokenRequest) -> tuple[list[TokenLogprob], list[int]]:
    """What is said of the prompt, and the tokens of the first choice."""
    stream = engine.generate(request)
    sampled: list[int] = []
    async for batch in stream:
        sampled += [token for one in batch if one.choice == 0 for token in one.tokens]
    return list(stream.prompt_logprobs), sampled


def reading(request: TokenRequest, top: int = 0) -> TokenRequest:
    return replace(request, prompt_logprobs=top)


async def test_a_prompt_gets_the_logprobs_that_its_tokens_had_when_they_were_sampled(nano: LocalEngine) -> None:
    first = ask(nano, "Tell me of the sea.", logprobs=3, max_completion_tokens=90)
    (choice,) = await collect(nano, first)
    sampled = [one for batch in choice for one in batch.logprobs]
    longer = (*first.prompt, *tokens(choice))
    known, _ = await read(nano, replace(first, prompt=longer, prompt_logprobs=3, max_completion_tokens=1))
    assert [one.token for one in known] == list(longer[1:])
    pairs = list(zip(known[len(first.prompt) - 1 :], sampled, strict=True))
    assert all(ours.token == theirs.token for ours, theirs in pairs)
    # a prompt's rows and a step's are computed by other kernels, of which nano, being small, shows every bit
    apart = [abs(math.exp(ours.logprob) - math.exp(theirs.logprob)) for ours, theirs in pairs]
    assert sum(apart) / len(apart) < 0.02
    cut = ask(nano, "Tell me of the sea.", 128, logprobs=3, max_completion_tokens=1)  # ends where a chunk does
    ((batch,),) = await collect(nano, cut)
    known, _ = await read(nano, replace(cut, prompt=(*cut.prompt, *batch.tokens, *cut.prompt), prompt_logprobs=3))
    ours, theirs = known[127], batch.logprobs[0]
    assert ours.token == theirs.token and [token for token, _ in ours.top] == [token for token, _ in theirs.top]
    assert [value for _, value in ours.top] == pytest.approx([value for _, value in theirs.top], abs=1e-5)


async def test_the_answer_is_the_same_whether_the_prompt_is_read_or_not(nano: LocalEngine) -> None:
    for size in (30, 64, 65, 128, 200):  # about the borders of chunks of 64
        plain = ask(nano, f"Of {size}.", size, logprobs=2, seed=size)
        before = await collect(nano, plain)
        known, sampled = await read(nano, reading(plain, 2))
        assert sampled == tokens(before[0])
        assert len(known) == len(plain.prompt) - 1
        assert await collect(nano, plain) == before  # and what it left in the cache is good: bit for bit


async def test_reading_a_prompt_disturbs_no_running_stream_and_is_not_disturbed(nano: LocalEngine) -> None:
    runs = [ask(nano, f"Story {at}.", logprobs=1, seed=at, max_completion_tokens=60) for at in range(6)]
    long = reading(ask(nano, "Read me.", 300, max_completion_tokens=2), 1)
    alone = [await collect(nano, one) for one in runs]
    known, _ = await read(nano, long)
    *beside, (again, _) = await asyncio.gather(*(collect(nano, one) for one in runs), read(nano, long))
    assert beside == alone  # bit for bit
    assert again == known


async def test_several_choices_read_one_prompt_once(nano: LocalEngine) -> None:
    request = token_request(prompt(nano, "Hello"), n=3, max_completion_tokens=4, seed=1)
    known, _ = await read(nano, reading(request))
    assert [one.token for one in known] == list(request.prompt[1:])
    assert all(one.top == () and one.logprob < 0 for one in known)


def test_odd_logits_are_taken_in_the_limit() -> None:
    inf, nan = math.inf, math.nan
    rows = np.array([[0, nan, 0, -inf], [inf, 1, inf, 0], [-inf, -inf, -inf, -inf]], np.float32)
    half = math.log(0.5)
    even, infinite, nothing = prompt_logprobs(rows, [0, 2, 1], 3)
    assert even == TokenLogprob(0, half, ((0, half), (2, half)))
    assert infinite.logprob == half and infinite.top[0] == (0, half)
    assert nothing == TokenLogprob(1, -inf)
