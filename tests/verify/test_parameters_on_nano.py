"""Whether each parameter has the effect the contract gives it, measured from outside: real nano, real server, HTTP.

Every request carries a fixed seed, so for given weights the outcome is fixed; `ALPHA` is the odds that a *correct*
sampler fails one of these tests after the weights or the seeds change. The raw logprobs that the server reports are the
null hypothesis; that they are the model's own is held elsewhere (tests/training compares logits with transformers).
"""

from __future__ import annotations

import asyncio
import json
import math
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from scipy.stats import chi2  # type: ignore[import-untyped]
from tests.served import served

ALPHA = 1e-5
STORY = [{"role": "user", "content": "Tell me a story."}]


ELSEWHERE = os.environ.get("MIMO_TEST_BASE_URL")
"""Another server to measure, with nano or not; `MIMO_TEST_FIELDS` is JSON to put into every request to it."""
FIELDS = json.loads(os.environ.get("MIMO_TEST_FIELDS", "{}"))


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    if ELSEWHERE:
        with httpx.Client(base_url=ELSEWHERE, timeout=60) as client:
            yield client
        return
    with served() as (url, _), httpx.Client(base_url=url, timeout=60) as client:
        yield client


def ask(http: httpx.Client, messages: list[dict[str, str]] = STORY, **fields: Any) -> dict[str, Any]:
    body = {"model": "mimo-v2-flash", "messages": messages, **FIELDS, **fields}
    response = http.post("/v1/chat/completions", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def entries(choice: dict[str, Any]) -> list[dict[str, Any]]:
    """The logprobs of a choice's tokens; a token is known by its bytes."""
    content: list[dict[str, Any]] = choice["logprobs"]["content"]
    return content


def raw(http: httpx.Client, messages: list[dict[str, str]] = STORY) -> dict[bytes, float]:
    """Raw logprobs of the twenty likeliest first tokens."""
    answer = ask(http, messages, max_completion_tokens=1, logprobs=True, top_logprobs=20, seed=0)
    return {bytes(top["bytes"]): top["logprob"] for top in entries(answer["choices"][0])[0]["top_logprobs"]}


def draws(http: httpx.Client, count: int, messages: list[dict[str, str]] = STORY, **fields: Any) -> Counter[bytes]:
    """First tokens of `count` independent one-token answers (seeds 1, 2, …, eight choices each)."""
    seen: Counter[bytes] = Counter()
    for seed in range(1, count // 8 + 1):
        answer = ask(http, messages, max_completion_tokens=1, n=8, seed=seed, logprobs=True, **fields)
        seen.update(bytes(entries(choice)[0]["bytes"]) for choice in answer["choices"] if entries(choice))
    return seen


@dataclass(frozen=True)
class Step:
    """A sampled token and the raw logprobs of the likeliest ones at its place, by bytes."""

    drawn: bytes
    top: dict[bytes, float]

    @property
    def likeliest(self) -> list[bytes]:
        return sorted(self.top, key=self.top.__getitem__, reverse=True)


def stories(http: httpx.Client, requests: int, **fields: Any) -> Iterator[list[Step]]:
    """The steps of eight stories a request, up to 50 tokens each."""
    for seed in range(1, requests + 1):
        answer = ask(http, max_completion_tokens=50, n=8, seed=seed, logprobs=True, top_logprobs=20, **fields)
        for choice in answer["choices"]:
            yield [
                Step(bytes(entry["bytes"]), {bytes(top["bytes"]): top["logprob"] for top in entry["top_logprobs"]})
                for entry in entries(choice)
            ]


def story_steps(http: httpx.Client, requests: int = 5, **fields: Any) -> list[Step]:
    """The steps of all stories in one list."""
    return [step for story in stories(http, requests, **fields) for step in story]


def energy(steps: list[Step], temperature: float) -> float:
    """How far the drawn tokens' logprobs lie from their mean under `temperature`, summed over steps, in deviations.

    At each step, given that one of the reported tokens was drawn, their odds are softmax(logprob / temperature); so the
    summed deviations are a martingale, and their ratio to the standard deviation is normal whatever the texts are.
    """
    deviations = []
    for step in steps:
        if step.drawn not in step.top or len(step.top) < 2:
            continue
        highest = max(step.top.values())
        levels = {
            token: max(value - highest, -4 * temperature) for token, value in step.top.items()
        }  # no rare outliers
        shares = scaled(step.top, temperature)
        mean = sum(share * levels[token] for token, share in shares.items())
        variance = sum(share * (levels[token] - mean) ** 2 for token, share in shares.items())
        deviations.append((levels[step.drawn] - mean, variance))
    return z_score(deviations)


def prefix(order: list[bytes], weights: dict[bytes, float], total: float, top_p: float) -> list[bytes]:
    """The shortest prefix of `order` that holds `top_p` of `total`; empty if the reported tokens do not reach it, or so
    nearly that rounding decides."""
    reached = 0.0
    for count, token in enumerate(order, 1):
        reached += weights[token] / total
        if abs(reached - top_p) < 1e-4:
            return []
        if reached >= top_p:
            return order[:count]
    return []


def scaled(logprobs: dict[bytes, float], temperature: float) -> dict[bytes, float]:
    """Probabilities among the given tokens at `temperature`."""
    weights = {token: math.exp(value / temperature) for token, value in logprobs.items()}
    total = sum(weights.values())
    return {token: weight / total for token, weight in weights.items()}


def chi_square_odds(seen: Counter[bytes], expected: dict[bytes, float]) -> float:
    """P-value of the counts given probabilities among the same tokens; rare tokens (expected below 5) share a bin."""
    total = sum(seen[token] for token in expected)
    statistic, bins, rare_seen, rare_expected = 0.0, 0, 0.0, 0.0
    for token, probability in expected.items():
        if (mean := probability * total) < 5:
            rare_seen, rare_expected = rare_seen + seen[token], rare_expected + mean
        else:
            statistic, bins = statistic + (seen[token] - mean) ** 2 / mean, bins + 1
    if rare_expected >= 1:
        statistic, bins = statistic + (rare_seen - rare_expected) ** 2 / rare_expected, bins + 1
    assert bins > 2, "the distribution is too narrow to test"
    return float(chi2.sf(statistic, bins - 1))


@pytest.mark.parametrize("temperature", [0.4, 1.0, 1.7])
def test_temperature_scales_every_step_and_no_other_temperature_fits(http: httpx.Client, temperature: float) -> None:
    """|z| < 4.4 under the temperature asked for (false alarm 1e-5), |z| > 6 under one by half lower or higher."""
    steps = story_steps(http, 12, temperature=temperature, top_p=1)
    assert abs(energy(steps, temperature)) < 4.4
    assert abs(energy(steps, temperature / 1.5)) > 6
    assert abs(energy(steps, temperature * 1.5)) > 6


def test_temperature_zero_takes_the_likeliest_token(http: httpx.Client) -> None:
    steps = story_steps(http, requests=1, temperature=0)
    assert all(step.drawn == max(step.top, key=step.top.__getitem__) for step in steps)


@pytest.mark.parametrize("top_p", [0.2, 0.5, 0.8])
def test_top_p_keeps_the_shortest_prefix_and_renormalises(http: httpx.Client, top_p: float) -> None:
    """At temperature 1 the nucleus follows from the reported logprobs alone: no token outside it ever occurs, inside it
    the shares are the renormalised ones (false alarm 1e-5), and its last token does occur: it is cut no earlier.
    """
    steps = story_steps(http, 9, temperature=1, top_p=top_p)
    kept, last = [], 0
    for step in steps:
        nucleus = prefix(step.likeliest, {token: math.exp(value) for token, value in step.top.items()}, 1.0, top_p)
        if nucleus:
            assert step.drawn in nucleus
            last += len(nucleus) > 1 and step.drawn == nucleus[-1]
            kept.append(Step(step.drawn, {token: step.top[token] for token in nucleus}))
    assert len(kept) > len(steps) / 2
    assert last > 5
    if top_p > 0.2:  # smaller nuclei hold one token too often
        assert abs(energy(kept, 1.0)) < 4.4
        assert abs(energy(kept, 3)) > 4.4


def test_top_p_is_cut_after_temperature(http: httpx.Client) -> None:
    """Hot, the nucleus of the tempered distribution is wider than that of the raw one, and its tokens occur; cold, it
    is narrower, and none beyond it occurs. The tail that is not reported is bounded, so each bound is on the safe side.
    """
    beyond = 0
    for step in story_steps(http, temperature=1.8, top_p=0.5):
        raw_nucleus = prefix(step.likeliest, {token: math.exp(value) for token, value in step.top.items()}, 1.0, 0.5)
        beyond += bool(raw_nucleus) and step.drawn not in raw_nucleus
    assert beyond > 100
    checked = 0
    for step in story_steps(http, temperature=0.5, top_p=0.9):
        weights = {token: math.exp(2 * value) for token, value in step.top.items()}
        smallest = math.exp(min(step.top.values()))
        tail = 1.0 - sum(map(math.exp, step.top.values()))
        heaviest = max(tail, 0.0) * smallest  # of squares that sum to `tail` before squaring, each at most `smallest`
        nucleus = prefix(step.likeliest, weights, sum(weights.values()) + heaviest, 0.9)
        wide = prefix(step.likeliest, {token: math.exp(value) for token, value in step.top.items()}, 1.0, 0.9)
        if nucleus:
            assert step.drawn in nucleus
            checked += not wide or len(wide) > len(nucleus)
    assert checked > 100  # steps at which cutting before temperature would have kept more


def test_the_top_p_default_is_point_95(http: httpx.Client) -> None:
    """The same seeds draw the same tokens without the parameter and with 0.95, and others with 1."""
    assert draws(http, 160) == draws(http, 160, top_p=0.95, temperature=1.0)
    assert draws(http, 160) != draws(http, 160, top_p=1.0)


@pytest.mark.parametrize("presence", [-2.0, 2.0])
def test_penalties_do_not_count_the_prompt(http: httpx.Client, presence: float) -> None:
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
    http: httpx.Client, frequency: float, presence: float, temperature: float
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


def repeat_deviation(
    step: Step, counts: Counter[bytes], frequency: float, presence: float, temperature: float
) -> tuple[float, float]:
    """(observed - expected, variance) of "the drawn token had been sampled before", given it is a reported one."""
    if step.drawn not in step.top:
        return 0.0, 0.0
    adjusted = {
        token: value - frequency * counts[token] - presence * (counts[token] > 0) for token, value in step.top.items()
    }
    odds = sum(share for token, share in scaled(adjusted, temperature).items() if counts[token])
    return (counts[step.drawn] > 0) - odds, odds * (1 - odds)


def z_score(deviations: list[tuple[float, float]]) -> float:
    """A martingale's sum over its standard deviation."""
    return sum(value for value, _ in deviations) / math.sqrt(sum(variance for _, variance in deviations))


async def test_a_seed_gives_the_same_text_beside_sixteen_other_requests(http: httpx.Client) -> None:
    fields = {"seed": 2**63 - 1, "max_completion_tokens": 60, "logprobs": True}
    alone = ask(http, **fields)["choices"]
    body = {"model": "mimo-v2-flash", "messages": STORY}
    async with httpx.AsyncClient(base_url=http.base_url, timeout=60) as client:

        async def send(more: dict[str, Any]) -> Any:
            return (await client.post("/v1/chat/completions", json={**body, **more})).json()["choices"]

        others = [asyncio.create_task(send({"seed": seed, "max_completion_tokens": 90})) for seed in range(16)]
        beside = [await send(fields) for _ in range(3)]
        texts = {choices[0]["message"]["content"] for choices in await asyncio.gather(*others)}
    assert all(choices == alone for choices in beside)
    assert len(texts) == 16  # different seeds, different draws


def test_high_bits_of_the_seed_count(http: httpx.Client) -> None:
    texts = {
        ask(http, seed=seed, max_completion_tokens=40)["choices"][0]["message"]["content"]
        for seed in (1, 1 + 2**32, 1 + 2**62)
    }
    assert len(texts) == 3
