"""The end of the turn as a constraint: it may not be drawn before a choice has so many tokens (`min_tokens`).

`ignore_eos` is the same with all the tokens a choice may have. Knows no logits; what else holds is another constraint.
"""

from __future__ import annotations

from mimo.sampling.allowed import Mask, all_but
from mimo.tokenizers.base import Tokenizer
from mimo.types import Allowed, Constraint


class OpenEnd:
    """No end-of-turn token among the first `least` tokens; `inner`: what else may come, None for anything."""

    def __init__(self, inner: Constraint | None, tokenizer: Tokenizer, least: int) -> None:
        self._inner = inner
        self._missing = least
        self._open = all_but(tokenizer.end_ids, tokenizer.vocabulary)
        self._joined: tuple[Mask, Mask] | None = None

    def allowed(self) -> Allowed:
        """As `Constraint.allowed`. The same array while nothing has changed."""
        found = None if self._inner is None else self._inner.allowed()
        if self._missing <= 0 or isinstance(found, int):
            return found
        if found is None:
            return self._open
        if self._joined is None or self._joined[0] is not found:
            self._joined = found, found & self._open
        return self._joined[1]

    def accept(self, token: int) -> None:
        """Take the drawn token."""
        self._missing -= 1
        if self._inner is not None:
            self._inner.accept(token)
