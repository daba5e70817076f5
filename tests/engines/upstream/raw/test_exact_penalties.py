"""--exact-penalties: a request for every token, with a bias for what the choice has said so far, on every raw route."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tests.engines.upstream.fakes import Asked, Fake, Out, sglang_events, vllm_events
from tests.engines.upstream.fronts import RAW, Front, front

from mimo.engines.upstream.raw.bias_masks import biased
from mimo.sampling.allowed import all_but

SAID = [300, 301, 300, 302]
END = 2
PENALTIES = {"frequency_penalty": 0.5, "presence_penalty": 1.0}
BUDGET = {"thinking": {"type": "enabled", "budget_tokens": 0}}


@pytest.fixture(scope="module")
def exact(fake: Fake) -> Iterator[dict[str, Front]]:
    """mimo with the switch before `fake`, once an engine."""
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(front(name, fake.url, exact_penalties=True)) for name in RAW}


def saying(fake: Fake, tokens: list[int], **more: Any) -> None:
    """Let the fake engine say `tokens` and end its turn, one token a request, whatever engine it is."""
    left = iter([*tokens, END])
    fake.asked.clear()

    async def behaviour(asked: Asked, out: Out) -> None:
        token = next(left)
        if asked.path == "/completion":
            assert asked.body["stream"] is False and asked.body["n_predict"] == 1
            said = {"content": "", "tokens": [token], "tokens_predicted": 1, "stop": True, "timings": {"cache_n": 3}}
            await out.reply(200, {**said, "stop_type": "eos" if token == END else "limit", **more})
        elif asked.path == "/v1/completions":
            await out.stream(vllm_events([token], finish="length"))
        else:
            await out.stream(sglang_events([token], finish="length"))

    fake.behaviour = behaviour


def biases(asked: Asked) -> dict[int, float]:
    """The biases of a request, whatever the engine calls them."""
    body = {**asked.body, **asked.body.get("sampling_params", {})}
    return {int(token): bias for token, bias in dict(body.get("logit_bias", {})).items()}


def test_each_token_is_asked_for_with_the_penalties_of_those_before_it(fake: Fake, exact: dict[str, Front]) -> None:
    saying(fake, SAID)
    body = exact["llama-server"].chat(seed=7, logit_bias={"301": 4, "999": -3}, **PENALTIES).json()
    assert body["usage"]["completion_tokens"] == len(SAID) and body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"]["prompt_tokens_details"]["cached_tokens"] == 3
    given = {301: 4.0, 999: -3.0}
    assert [biases(asked) for asked in fake.asked] == [
        given,
        {**given, 300: -1.5},
        {**given, 300: -1.5, 301: 4 - 1.5},
        {**given, 300: -2.0, 301: 4 - 1.5},
        {**given, 300: -2.0, 301: 4 - 1.5, 302: -1.5},
    ]
    prompts = [asked.body["prompt"] for asked in fake.asked]
    assert all(after[len(prompts[0]) :] == SAID[:at] for at, after in enumerate(prompts))
    assert len({asked.body["seed"] for asked in fake.asked}) == len(fake.asked)  # a draw of its own each


@pytest.mark.parametrize("engine", RAW)
def test_penalties_go_together_with_a_grammar_and_a_budget(fake: Fake, exact: dict[str, Front], engine: str) -> None:
    saying(fake, exact[engine].ids("ab"))
    body = exact[engine].chat(**BUDGET, **PENALTIES).json()
    assert body["choices"][0]["message"]["content"] == "ab"
    assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] == 0
    saying(fake, exact[engine].ids('"aa"'))
    schema = {"type": "string", "pattern": "^[ab]{2}$"}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    body = exact[engine].chat(response_format=form, **PENALTIES).json()
    assert body["choices"][0]["message"]["content"] == '"aa"'
    (letter,) = exact[engine].ids("a")
    assert [biases(asked)[letter] for asked in fake.asked if letter in biases(asked)].count(-1.5) == 1


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_an_engine_that_counts_by_itself_is_asked_once(fake: Fake, exact: dict[str, Front], engine: str) -> None:
    fake.asked.clear()

    async def behaviour(asked: Asked, out: Out) -> None:
        await out.stream({"vllm": vllm_events, "sglang": sglang_events}[engine]([*SAID, END]))

    fake.behaviour = behaviour
    assert exact[engine].chat(**PENALTIES).status_code == 200
    assert len(fake.asked) == 1 and not biases(fake.asked[0])


@pytest.mark.parametrize("stream", [False, True])
def test_a_limit_and_a_stop_text_end_it_and_nothing_more_is_asked_for(
    fake: Fake, exact: dict[str, Front], stream: bool
) -> None:
    llama = exact["llama-server"]
    saying(fake, SAID)
    assert '"length"' in llama.chat(max_completion_tokens=3, stream=stream, **PENALTIES).text
    assert len(fake.asked) == 3
    saying(fake, llama.ids("abcdef"))
    assert '"stop"' in llama.chat(stop=["cd"], stream=stream, **PENALTIES).text
    assert 4 <= len(fake.asked) <= 5


def test_a_token_outside_the_vocabulary_is_a_502_before_a_stream_begins(fake: Fake, exact: dict[str, Front]) -> None:
    for token in (-1, 99_999):
        saying(fake, [token])
        answer = exact["llama-server"].chat(stream=True, **PENALTIES)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")


def test_without_the_switch_they_are_refused_as_before(llama: Front, fake: Fake) -> None:
    answer = llama.chat(**PENALTIES)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "frequency_penalty")
    assert "--exact-penalties" in answer.json()["error"]["message"]
    assert fake.asked == []


def test_biases_beyond_what_an_engine_takes_keep_their_differences() -> None:
    assert dict(biased(None, 8, [(1, 120.0), (2, 110.0), (3, -150.0)])) == {1: 100.0, 2: 90.0, 3: -100.0}
    mask = all_but([0, 1, 2, 3], 8)
    kept = np.zeros(8)
    for token, bias in biased(mask, 8, [(token, -150.0 - token) for token in range(4, 8)]):
        kept[token] = bias
    assert kept[:4].max() <= -100 and list(kept[4:]) == [0.0, -1.0, -2.0, -3.0]
    kept[:] = 0
    for token, bias in biased(mask, 8, [(0, 100.0), (4, 100.0)]):
        kept[token] = bias
    assert kept[:4].max() <= -100 and kept[4] - kept[5] >= 50
