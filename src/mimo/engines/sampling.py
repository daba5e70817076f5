"""From a `Generation` to what the sampler in this process wants, one choice at a time."""

from __future__ import annotations

from mimo.engines.base import Generation
from mimo.sampling import SamplingParams


def sampling_params(generation: Generation, choice: int) -> SamplingParams:
    """The parameters of one choice."""
    return SamplingParams(
        temperature=generation.temperature,
        top_p=generation.top_p,
        frequency_penalty=generation.frequency_penalty,
        presence_penalty=generation.presence_penalty,
        seed=generation.seed,
        choice=choice,
        logit_bias=generation.logit_bias,
        logprobs=generation.logprobs,
    )
