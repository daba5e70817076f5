"""What a choice asks of the sampler and what a step answers: plain frozen values.

Nothing is checked against the contract's ranges here: `contract/` has done that. Nothing is optional except where None
means "not wanted".
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NO_TOKEN = -1
"""In `Drawn.tokens`: this row had no finite logit left (all −inf or NaN, or the constraint allowed none). It is never a
token id; the request it belongs to ends with an internal error, the other rows of the step are not affected."""


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """The parameters of one choice, as the contract names them, all concrete.

    seed: 0 … 2^63 − 1; choice: the index of the choice among the request's n, 0 … 2^32 − 1.
    logit_bias: (token id, what is added to its logit) pairs; an id that is given twice gets the sum.
    logprobs: None, none wanted; 0 … 20, the drawn token's own and that many of the most probable ones.
    """

    temperature: float = 1.0
    top_p: float = 0.95
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int = 0
    choice: int = 0
    logit_bias: tuple[tuple[int, float], ...] = ()
    logprobs: int | None = None


@dataclass(frozen=True, slots=True)
class TokenLogprobs:
    """Natural log-probabilities of one step, of the raw logits: before any parameter.

    logprob: the drawn token's own. top: (token id, logprob) by probability, descending, ties by lower id; tokens of
    probability zero are left out, so it can be shorter than asked for.
    """

    logprob: float
    top: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """One step. tokens[i]: the token of row i, or NO_TOKEN; logprobs has an entry for each row that asked for them."""

    tokens: list[int]
    logprobs: dict[int, TokenLogprobs]


@dataclass(frozen=True, slots=True)
class Trace:
    """What a step would do to one row: shown by the playground and held to the reference by the tests.

    adjusted: float32 [valid], the logits after steps 1 and 2. ids: int64 [kept], ascending, what step 4 keeps.
    probabilities: float64 [kept], what step 5 draws from; they sum to 1. uniform: step 5's random number in [0, 1).
    token: what is drawn, or NO_TOKEN (then nothing is kept).
    """

    adjusted: NDArray[np.float32]
    ids: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    uniform: float
    token: int
