"""What every engine checks of a request against its window and its vocabulary."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mimo.contract.errors import ContextLengthExceeded, InvalidRequest
from mimo.engines.base import EngineInfo
from mimo.tokenizers.limit import Limit, TooManyTokens
from mimo.types import Sampling, TokenRequest


def check_window(request: TokenRequest, info: EngineInfo) -> int:
    """Tokens that the window leaves for an answer, at least one. Raises `ContextLengthExceeded` if it leaves none."""
    window, size = info.context_window, len(request.prompt)
    if size >= window:
        raise ContextLengthExceeded.of(str(size), window, info.model)
    return window - size


@contextmanager
def within_window(info: EngineInfo, abandoned: threading.Event | None = None) -> Iterator[Limit]:
    """A limit for prompts that leave room in the window. Raises `ContextLengthExceeded` with the count so far."""
    try:
        yield Limit(info.context_window - 1, abandoned)
    except TooManyTokens as problem:
        raise ContextLengthExceeded.of(f"at least {problem.at_least}", info.context_window, info.model) from None


def check_logit_bias(sampling: Sampling, vocabulary: int) -> None:
    """Raise `InvalidRequest` for a biased id that is not in the `vocabulary` (a count of ids)."""
    for token, _ in sampling.logit_bias:
        if token >= vocabulary:
            raise InvalidRequest(
                f"logit_bias token ids must be below the vocabulary of {vocabulary}, got {token}", param="logit_bias"
            )
