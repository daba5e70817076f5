"""Penalties as biases: exact, where every token is a request of its own. Knows no request's format.

At each step a penalty is a number for each token sampled so far, and that is what a `logit_bias` is.
"""

from __future__ import annotations

from collections import Counter

from msgspec import structs
from msgspec.structs import replace

from mimo.types import Sampling, TokenRequest

_OFF = 0.0
"""A penalty that takes nothing, whatever the default is."""


def penalised(request: TokenRequest) -> bool:
    """Whether it has a penalty."""
    return bool(request.sampling.frequency_penalty or request.sampling.presence_penalty)


def biased_instead(request: TokenRequest) -> TokenRequest:
    """`request` as its single tokens will be asked for: with a bias in place of penalties."""
    sampling = structs.replace(
        with_penalties(request.sampling, Counter()), logit_bias=request.sampling.logit_bias or ((0, 0.0),)
    )
    return replace(request, sampling=sampling)


def with_penalties(sampling: Sampling, counts: Counter[int]) -> Sampling:
    """`sampling` for the token after those in `counts`, by a bias and without penalties."""
    biases = dict(sampling.logit_bias)
    for token, count in counts.items():
        penalty = sampling.frequency_penalty * count + sampling.presence_penalty
        biases[token] = biases.get(token, 0.0) - penalty
    return structs.replace(sampling, frequency_penalty=_OFF, presence_penalty=_OFF, logit_bias=tuple(biases.items()))
