"""Tokens of a raw route that cannot be right are an error of the upstream, and never one of ours."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engines.upstream.fakes import Asked, Fake, Out, llama_events, sglang_events, vllm_events
from tests.engines.upstream.fronts import RAW, Front, until

EVENTS: dict[str, Any] = {"llama-server": llama_events, "vllm": vllm_events, "sglang": sglang_events}


@pytest.mark.parametrize("token", [-1, -(2**40), 99_999, 2**62])
@pytest.mark.parametrize("engine", RAW)
@pytest.mark.parametrize("stream", [False, True])
def test_an_id_outside_the_vocabulary_is_a_502(
    fronts: dict[str, Front], fake: Fake, engine: str, token: int, stream: bool
) -> None:
    async def behaviour(asked: Asked, out: Out) -> None:
        await out.stream(EVENTS[engine]([token, 300]))

    fake.behaviour = behaviour
    answer = fronts[engine].chat(stream=stream)
    assert "upstream_error" in answer.text and "internal" not in answer.text
    assert answer.status_code == (200 if stream else 502)


@pytest.mark.parametrize("token", [-1, 99_999])
def test_a_log_probability_of_an_id_outside_the_vocabulary_is_a_502(llama: Front, fake: Fake, token: int) -> None:
    async def behaviour(asked: Asked, out: Out) -> None:
        row = {"id": token, "logprob": -1.0, "top_logprobs": []}
        await out.stream(llama_events([300, 2], completion_probabilities=[row]))

    fake.behaviour = behaviour
    assert llama.chat(logprobs=True).status_code == 502


def test_likeliest_ids_beyond_the_vocabulary_are_left_out(llama: Front, fake: Fake) -> None:
    async def behaviour(asked: Asked, out: Out) -> None:
        top = [{"id": id, "logprob": -1.0} for id in (300, 99_999, -7, 301)]
        row = {"id": 300, "logprob": -1.0, "top_logprobs": top}
        await out.stream(llama_events([300, 2], completion_probabilities=[row]))

    fake.behaviour = behaviour
    answer = llama.chat(logprobs=True, top_logprobs=4)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["choices"][0]["logprobs"]["content"][0]["top_logprobs"]) == 2


@pytest.mark.parametrize("count", [-5, 10**12])
def test_counts_that_cannot_be_are_no_work_and_no_internal_error(llama: Front, fake: Fake, count: int) -> None:
    async def behaviour(asked: Asked, out: Out) -> None:
        rows = llama_events([300, 301])
        rows[0] |= {"tokens_predicted": count, "prompt_progress": None}
        await out.stream([{"prompt_progress": {"cache": count}}, *rows])

    fake.behaviour = behaviour
    answer = llama.chat()
    assert answer.status_code in (200, 502)
    if answer.status_code == 200:
        usage = answer.json()["usage"]
        assert 0 <= usage["prompt_tokens_details"]["cached_tokens"] <= usage["prompt_tokens"]


@pytest.mark.parametrize("engine", RAW)
def test_max_tokens_holds_where_the_upstream_ignores_it(fronts: dict[str, Front], fake: Fake, engine: str) -> None:
    async def behaviour(asked: Asked, out: Out) -> None:
        await out.head()
        await out.events(*EVENTS[engine](fronts[engine].ids("x" * 400), finish=None))
        await out.hang()

    fake.behaviour = behaviour
    body = fronts[engine].chat(max_completion_tokens=20).json()
    assert body["choices"][0]["message"]["content"] == "x" * 20
    assert (body["choices"][0]["finish_reason"], body["usage"]["completion_tokens"]) == ("length", 20)
    assert until(lambda: fake.hanging == 0)


def test_done_without_a_finish_is_an_error_at_once_though_the_connection_stays_open(
    fronts: dict[str, Front], fake: Fake
) -> None:
    async def behaviour(asked: Asked, out: Out) -> None:
        await out.head()
        await out.events(*vllm_events([300], finish=None), b"[DONE]")
        await out.hang()

    fake.behaviour = behaviour
    assert fronts["vllm"].chat().json()["error"]["code"] == "upstream_error"
