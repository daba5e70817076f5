"""Whether sampled tokens follow the parameters they were asked with, from the tokens and their raw logprobs alone.

    answer → steps_of(choice) → energy, repeat_deviation → z_score         one number, normal if the claim is true
    counts of first tokens → chi_square_odds                               a p-value

Tokens are known by their bytes. Knows no server and draws nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_CUT = 4.0
"""Levels this many temperatures below the likeliest count as that low: a rare outlier must not decide `energy`."""
_CLOSE = 1e-4
"""Cumulated probabilities this near to `top_p` are decided by rounding."""
_LEAST_EXPECTED = 5.0
"""Counts that are expected less often than this share one bin of the chi-square test."""


@dataclass(frozen=True, slots=True)
class Step:
    """A sampled token, and the raw logprobs of the likeliest ones at its place."""

    drawn: bytes
    top: Mapping[bytes, float]

    @property
    def likeliest(self) -> list[bytes]:
        """The reported tokens, the likeliest first."""
        return sorted(self.top, key=self.top.__getitem__, reverse=True)

    @property
    def probabilities(self) -> dict[bytes, float]:
        """The raw probabilities of the reported tokens; the rest of 1 is the tail that is not reported."""
        return {token: math.exp(value) for token, value in self.top.items()}


def steps_of(choice: Mapping[str, Any]) -> list[Step]:
    """The steps of a choice of a chat completion that was asked for `logprobs` and `top_logprobs`."""
    return [
        Step(bytes(entry["bytes"]), {bytes(top["bytes"]): top["logprob"] for top in entry["top_logprobs"]})
        for entry in choice["logprobs"]["content"]
    ]


def scaled(logprobs: Mapping[bytes, float], temperature: float) -> dict[bytes, float]:
    """Probabilities among the given tokens at `temperature`."""
    weights = {token: math.exp(value / temperature) for token, value in logprobs.items()}
    total = sum(weights.values())
    return {token: weight / total for token, weight in weights.items()}


def z_score(deviations: Iterable[tuple[float, float]]) -> float:
    """A martingale's sum over its standard deviation, from (observed - expected, variance) of every step."""
    values, variances = zip(*deviations, strict=True)
    return float(sum(values) / math.sqrt(sum(variances)))


def energy(steps: Iterable[Step], temperature: float) -> float:
    """How far the drawn tokens' logprobs lie from their mean under `temperature`, summed over steps, in deviations.

    At each step, given that one of the reported tokens was drawn, their odds are softmax(logprob / temperature); so the
    summed deviations are a martingale, and their ratio to the standard deviation is normal whatever the texts are.
    """
    deviations = []
    for step in steps:
        if step.drawn not in step.top or len(step.top) < 2:
            continue
        highest = max(step.top.values())
        levels = {token: max(value - highest, -_CUT * temperature) for token, value in step.top.items()}
        shares = scaled(step.top, temperature)
        mean = sum(share * levels[token] for token, share in shares.items())
        variance = sum(share * (levels[token] - mean) ** 2 for token, share in shares.items())
        deviations.append((levels[step.drawn] - mean, variance))
    return z_score(deviations)


def prefix(order: Sequence[bytes], weights: Mapping[bytes, float], total: float, top_p: float) -> list[bytes]:
    """The shortest prefix of `order` with at least `top_p` of `total`.

    Empty where the reported tokens do not reach it, or so nearly that rounding decides.
    """
    reached = 0.0
    for count, token in enumerate(order, 1):
        reached += weights[token] / total
        if abs(reached - top_p) < _CLOSE:
            return []
        if reached >= top_p:
            return list(order[:count])
    return []


def nucleus(step: Step, top_p: float) -> list[bytes]:
    """The tokens that `top_p` keeps at temperature 1, or nothing where the reported ones do not decide it."""
    return prefix(step.likeliest, step.probabilities, 1.0, top_p)


def nucleus_at(step: Step, temperature: float, top_p: float) -> list[bytes]:
    """Tokens that hold the nucleus at a `temperature` below 1; nothing where the reported ones do not decide it.

    The tail that is not reported is bounded from above: each of its tokens is at most as likely as the least likely
    reported one.
    """
    power = 1 / temperature
    weights = {token: math.exp(power * value) for token, value in step.top.items()}
    tail = max(1.0 - sum(step.probabilities.values()), 0.0)
    heaviest = tail * math.exp((power - 1) * min(step.top.values()))
    return prefix(step.likeliest, weights, sum(weights.values()) + heaviest, top_p)


def repeat_deviation(
    step: Step, counts: Mapping[bytes, int], frequency: float, presence: float, temperature: float
) -> tuple[float, float]:
    """(observed - expected, variance) of "the drawn token had been sampled before", given it is a reported one.

    `counts`: how often each token was sampled before this step; absent ones were not.
    """
    if step.drawn not in step.top:
        return 0.0, 0.0
    seen = {token: counts.get(token, 0) for token in step.top}
    adjusted = {
        token: value - frequency * seen[token] - presence * (seen[token] > 0) for token, value in step.top.items()
    }
    odds = sum(share for token, share in scaled(adjusted, temperature).items() if seen[token])
    return (seen[step.drawn] > 0) - odds, odds * (1 - odds)


def chi_square_odds(seen: Mapping[bytes, int], expected: Mapping[bytes, float]) -> float:
    """P-value of the counts given probabilities among the same tokens; rare tokens share a bin.

    Raises ValueError where fewer than three bins are left: such a distribution is too narrow to test.
    """
    total = sum(seen.get(token, 0) for token in expected)
    statistic, bins, rare_seen, rare_expected = 0.0, 0, 0.0, 0.0
    for token, probability in expected.items():
        count, mean = seen.get(token, 0), probability * total
        if mean < _LEAST_EXPECTED:
            rare_seen, rare_expected = rare_seen + count, rare_expected + mean
        else:
            statistic, bins = statistic + (count - mean) ** 2 / mean, bins + 1
    if rare_expected >= 1:
        statistic, bins = statistic + (rare_seen - rare_expected) ** 2 / rare_expected, bins + 1
    if bins < 3:
        raise ValueError(f"the distribution is too narrow to test: {bins} bins of {total} draws")
    return chi_square_tail(statistic, bins - 1)


def chi_square_tail(statistic: float, freedom: int) -> float:
    """The probability that a chi-square variable of `freedom` degrees is above `statistic` (closed form)."""
    half = statistic / 2
    if freedom % 2:
        term, tail, first = math.exp(-half) * math.sqrt(half / math.pi) * 2, math.erfc(math.sqrt(half)), 3
    else:
        term, tail, first = math.exp(-half), 0.0, 2
    for degrees in range(first, freedom + 1, 2):
        tail += term
        term *= half / (degrees / 2)
    return tail
