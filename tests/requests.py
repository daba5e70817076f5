"""Values of the contract for tests that stand below the decoders: its defaults, but for what a test changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import structs

from mimo.calls import FORMATS, CallFormat
from mimo.constraints.build import answer_constraint
from mimo.contract.models import MODELS
from mimo.contract.request import Params
from mimo.contract.resolve import resolve
from mimo.tokenizers.base import Tokenizer
from mimo.types import Constrain, Sampling, TokenRequest, Tool

DEFAULTS = resolve({"seed": 0}, MODELS["mimo-v2-flash"]).params


def sampling(**changes: Any) -> Sampling:
    """The contract's defaults with seed 0 and these `changes`."""
    return structs.replace(DEFAULTS.sampling, **changes)


def params(**changes: Any) -> Params:
    """The contract's defaults with seed 0 and these `changes`; what is drawn by is changed under its own name too."""
    drawn = {name: changes.pop(name) for name in Sampling.__struct_fields__ if name in changes}
    return structs.replace(DEFAULTS, sampling=sampling(**drawn), **changes)


def token_request(prompt: tuple[int, ...], max_completion_tokens: int, **changes: Any) -> TokenRequest:
    """One choice under the contract's defaults, with these `changes`."""
    drawn = {name: changes.pop(name) for name in Sampling.__struct_fields__ if name in changes}
    return TokenRequest(prompt, sampling(**drawn), max_completion_tokens, **{"min_tokens": 0, "n": 1, **changes})


def constrain(
    tokenizer: Tokenizer,
    *,
    grammar: str | None = None,
    tools: Sequence[Tool] = (),
    calls: CallFormat = FORMATS[0],
    in_reasoning: bool = False,
    **changes: Any,
) -> Constrain | None:
    """What choices must follow under `grammar`, and under the contract's defaults with these `changes`."""
    return answer_constraint(params(**changes), tools, calls, grammar, tokenizer, in_reasoning=in_reasoning)
