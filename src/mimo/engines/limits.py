"""What every engine checks of a request against its window and its vocabulary."""

from __future__ import annotations

import threading

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


class within_window:
    """A context with a limit for prompts that leave room in the window. Raises `ContextLengthExceeded` with the count
    so far."""

    __slots__ = ("_abandoned", "_info")

    def __init__(self, info: EngineInfo, abandoned: threading.Event | None = None) -> None:
        self._info, self._abandoned = info, abandoned

    def __enter__(self) -> Limit:
        return Limit(self._info.context_window - 1, self._abandoned)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, TooManyTokens):
            window, model = self._info.context_window, self._info.model
            raise ContextLengthExceeded.of(f"at least {error.at_least}", window, model) from None


def check_logit_bias(sampling: Sampling, vocabulary: int) -> None:
    """Raise `InvalidRequest` for a biased id that is not in the `vocabulary` (a count of ids)."""
    for token, _ in sampling.logit_bias:
        if token >= vocabulary:
            raise InvalidRequest(
                f"logit_bias token ids must be below the vocabulary of {vocabulary}, got {token}", param="logit_bias"
            )
