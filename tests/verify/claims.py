"""Claims that hold of every server with sampling parameters: whether each has the effect the contract gives it.

Measured from outside, over HTTP, with the statistics of `mimo.verify`. A test module takes the claims that its engine
supports, by inheriting from a class here, and has a fixture `http`: a client of the server.

Every request carries a fixed seed, so for given weights the outcome is fixed; `ALPHA` is the odds that a *correct*
sampler fails one of these tests after the weights or the seeds change. The raw logprobs that the server reports are the
null hypothesis; that they are the model's own is held elsewhere (tests/training compares logits with transformers).
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from mimo.verify.statistics import (
    Step,
    chi_square_odds,
    energy,
    nucleus,
    nucleus_at,
    repeat_deviation,
    scaled,
    steps_of,
    z_score,
)

ALPHA = 1e-5
SECONDS = 600
"""How long an answer may take: what only computes must not fail because the machine is busy."""
STORY = [{"role": "user", "content": "Tell me a story."}]
FIELDS: dict[str, Any] = json.loads(os.environ.get("MIMO_TEST_FIELDS", "{}"))
"""Put into every request, for another server at MIMO_TEST_BASE_URL."""


def ask(http: httpx.Client, messages: list[dict[str, str]] = STORY, **fields: Any) -> dict[str, Any]:
    body = {"model": "mimo-v2-flash", "messages": messages, **FIELDS, **fields}
    response = http.post("/v1/chat/completions", json=body, timeout=SECONDS)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def raw(http: httpx.Client, messages: list[dict[str, str]] = STORY) -> dict[bytes, float]:
    """Raw logprobs of the twenty likeliest first tokens."""
    answer = ask(http, messages, max_completion_tokens=1, logprobs=True, top_logprobs=20, seed=0)
    return dict(steps_of(answer["choices"][0])[0].top)


def draws(http: httpx.Client, count: int, messages: list[dict[str, str]] = STORY, **fields: Any) -> Counter[bytes]:
    """First tokens of `count` independent one-token answers (seeds 1, 2, …, eight choices each)."""
    seen: Counter[bytes] = Counter()
    for seed in range(1, count // 8 + 1):
        answer = ask(http, messages, max_completion_tokens=1, n=8, seed=seed, logprobs=True, **fields)
        seen.update(steps[0].drawn for choice in answer["choices"] if (steps := steps_of(choice)))
    return seen


def stories(http: httpx.Client, requests: int, **fields: Any) -> Iterator[list[Step]]:
    """The steps of eight stories a request, up to 50 tokens each."""
    for seed in range(1, requests + 1):
        answer = ask(http, max_completion_tokens=50, n=8, seed=seed, logprobs=True, top_logprobs=20, **fields)
        yield from map(steps_of, answer["choices"])


def story_steps(http: httpx.Client, requests: int = 5, **fields: Any) -> list[Step]:
    """The steps of all stories in one list."""
    return [step for story in stories(http, requests, **fields) for step in story]


class SamplingClaims:
    """Temperature, top_p and seed."""

    @pytest.mark.parametrize("temperature", [0.4, 1.0, 1.7])
    def test_temperature_scales_every_step_and_no_other_temperature_fits(
        self, http: httpx.Client, temperature: float
    ) -> None:
        """|z| < 4.4 under the temperature asked for (false alarm 1e-5), |z| > 6 under one by half lower or higher."""
        steps = story_steps(http, 12, temperature=temperature, top_p=1)
        assert abs(energy(steps, temperature)) < 4.4
        assert abs(energy(steps, temperature / 1.5)) > 6
        assert abs(energy(steps, temperature * 1.5)) > 6

    def test_temperature_zero_takes_the_likeliest_token(self, http: httpx.Client) -> None:
        steps = story_steps(http, requests=1, temperature=0)
        assert all(step.drawn == max(step.top, key=step.top.__getitem__) for step in steps)

    @pytest.mark.parametrize("top_p", [0.2, 0.5, 0.8])
    def test_top_p_keeps_the_shortest_prefix_and_renormalises(self, http: httpx.Client, top_p: float) -> None:
        """At temperature 1 the nucleus follows from the reported logprobs alone: no token outside it ever occurs,
        inside it the shares are the renormalised ones (false alarm 1e-5), and its last token does occur: it is cut no
        earlier.
        """
        steps = story_steps(http, 9, temperature=1, top_p=top_p)
        kept, last = [], 0
        for step in steps:
            tokens = nucleus(step, top_p)
            if tokens:
                assert step.drawn in tokens
                last += len(tokens) > 1 and step.drawn == tokens[-1]
                kept.append(Step(step.drawn, {token: step.top[token] for token in tokens}))
        assert len(kept) > len(steps) / 2
        assert last > 5
        if top_p > 0.2:  # smaller nuclei hold one token too often
            assert abs(energy(kept, 1.0)) < 4.4
            assert abs(energy(kept, 3)) > 4.4

    def test_top_p_is_cut_after_temperature(self, http: httpx.Client) -> None:
        """Hot, the nucleus of the tempered distribution is wider than that of the raw one, and its tokens occur; cold,
        it is narrower, and none beyond it occurs. The tail that is not reported is bounded: each bound is a safe one.
        """
        beyond = 0
        for step in story_steps(http, temperature=1.8, top_p=0.5):
            tokens = nucleus(step, 0.5)
            beyond += bool(tokens) and step.drawn not in tokens
        assert beyond > 100
        checked = 0
        for step in story_steps(http, temperature=0.5, top_p=0.9):
            tokens, wide = nucleus_at(step, 0.5, 0.9), nucleus(step, 0.9)
            if tokens:
                assert step.drawn in tokens
                checked += not wide or len(wide) > len(tokens)
        assert checked > 100  # steps at which cutting before temperature would have kept more

    def test_the_top_p_default_is_point_95(self, http: httpx.Client) -> None:
        """The same seeds draw the same tokens without the parameter and with 0.95, and others with 1."""
        assert draws(http, 160) == draws(http, 160, top_p=0.95, temperature=1.0)
        assert draws(http, 160) != draws(http, 160, top_p=1.0)

    def test_high_bits_of_the_seed_count(self, http: httpx.Client) -> None:
        texts = {
            ask(http, seed=seed, max_completion_tokens=40)["choices"][0]["message"]["content"]
            for seed in (1, 1 + 2**32, 1 + 2**62)
        }
        assert len(texts) == 3


class PenaltyClaims:
    """Frequency and presence penalty."""

    @pytest.mark.parametrize("presence", [-2.0, 2.0])
    def test_penalties_do_not_count_the_prompt(self, http: httpx.Client, presence: float) -> None:
        """A prompt made of the likeliest first words leaves the first draw as it is; 480 draws, false alarm 1e-5."""
        words = b" ".join(raw(http)).decode(errors="ignore")
        messages = [{"role": "user", "content": f"{words} {words}. Tell me a story."}]
        logprobs = raw(http, messages)
        seen = draws(http, 480, messages, presence_penalty=presence, frequency_penalty=presence, top_p=1)
        assert chi_square_odds(seen, scaled(logprobs, 1.0)) > ALPHA

    @pytest.mark.parametrize(
        ("frequency", "presence", "temperature"), [(0.0, 1.5, 1.0), (1.0, 0.0, 1.0), (-0.5, 2.0, 0.7), (0.0, -2.0, 1.5)]
    )
    def test_penalties_follow_the_formula_at_every_step(
        self, http: httpx.Client, frequency: float, presence: float, temperature: float
    ) -> None:
        """At each step the odds of drawing a token sampled before follow from the raw logprobs and the counts so far.
        |z| < 4.4 under the formula (false alarm 1e-5); leaving the penalties out of it must be refuted (|z| > 5)."""
        settings = {"frequency_penalty": frequency, "presence_penalty": presence, "temperature": temperature}
        right, without = [], []
        for choice in stories(http, requests=13, top_p=1, **settings):
            counts: Counter[bytes] = Counter()
            for step in choice:
                right.append(repeat_deviation(step, counts, frequency, presence, temperature))
                without.append(repeat_deviation(step, counts, 0.0, 0.0, temperature))
                counts[step.drawn] += 1
        assert abs(z_score(right)) < 4.4
        assert abs(z_score(without)) > 5


class BatchClaims:
    """What else runs changes nothing."""

    async def test_a_seed_gives_the_same_text_while_sixteen_others_run(self, http: httpx.Client) -> None:
        fields = {"seed": 2**63 - 1, "max_completion_tokens": 60, "logprobs": True}
        alone = ask(http, **fields)["choices"]
        body = {"model": "mimo-v2-flash", "messages": STORY}
        async with httpx.AsyncClient(base_url=http.base_url, timeout=SECONDS) as client:

            async def send(more: dict[str, Any]) -> Any:
                return (await client.post("/v1/chat/completions", json={**body, **more})).json()["choices"]

            others = [asyncio.create_task(send({"seed": seed, "max_completion_tokens": 90})) for seed in range(16)]
            beside = [await send(fields) for _ in range(3)]
            texts = {choices[0]["message"]["content"] for choices in await asyncio.gather(*others)}
        assert all(choices == alone for choices in beside)
        assert len(texts) == 16  # different seeds, different draws
