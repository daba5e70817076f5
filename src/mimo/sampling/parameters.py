"""What a step of the sampler gives: plain frozen values."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NO_TOKEN = -1
"""In `Drawn.tokens`: this row had no finite logit left (all −inf or NaN, or the constraint allowed none). It is never a
token id; the request it belongs to ends with an internal error, the other rows of the step are not affected."""


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
    """What a step would do to one row: shown by the playground, and compared with the reference by the tests.

    adjusted: float32 [valid], the logits after steps 1 and 2. ids: int64 [kept], ascending, what step 4 keeps.
    probabilities: float64 [kept], what step 5 draws from; they sum to 1. uniform: step 5's random number in [0, 1).
    token: what is drawn, or NO_TOKEN (then nothing is kept).
    """

    adjusted: NDArray[np.float32]
    ids: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    uniform: float
    token: int
