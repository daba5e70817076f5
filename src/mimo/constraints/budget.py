"""The thinking budget as a constraint of the sampler: `</think>` is forced in time, and an answer always follows.

While the answer is empty:
1. inside reasoning, `</think>` is forced when the budget is spent, or when only it and one answer token still fit
2. inside reasoning, the turn may not end
3. outside, the turn may not end, a stray `</think>` may not be drawn, and `<think>` only while reasoning can follow:
   room for both tags and one answer token, and no earlier reasoning that spent the budget
Once visible content or a call came everything is allowed. Knows no logits; the sampler reads `allowed` and reports by
`accept`.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from mimo.output.reasoning import Reasoning
from mimo.tokenizers.base import Tokenizer
from mimo.types import TokenRequest

_TAGS_AND_ANSWER = 3


def thinking_budget(generation: TokenRequest, tokenizer: Tokenizer, limit: int) -> ThinkingBudget | None:
    """The constraint of one choice of `generation`, or None where none is needed: no budget, or no tags to force.

    `limit`: tokens the choice may have, the smaller of `max_tokens` and the room in the window.
    """
    budget = generation.thinking_budget
    if budget is None or tokenizer.control("<think>") is None or tokenizer.control("</think>") is None:
        return None
    return ThinkingBudget(
        budget, tokenizer, max_tokens=limit, in_reasoning=generation.in_reasoning, calls=generation.calls
    )


class ThinkingBudget:
    """At most `budget` reasoning tokens (tags not counted) among at most `max_tokens` in all, for one choice."""

    def __init__(
        self, budget: int, tokenizer: Tokenizer, *, max_tokens: int, in_reasoning: bool = False, calls: bool = False
    ) -> None:
        self._budget = budget
        self._tokenizer = tokenizer
        self._remaining = max_tokens
        self._reasoning = Reasoning(tokenizer, thinking=True, in_reasoning=in_reasoning, calls=calls)
        opens, closes = self._reasoning.opens, self._reasoning.closes
        if opens is None or closes is None:
            raise ValueError("a thinking budget needs a vocabulary with <think> and </think>")
        self._closes = closes
        self._closed = False
        end = tokenizer.end_ids
        self._inside = all_but(end, tokenizer.vocabulary)
        self._outside = all_but({*end, closes}, tokenizer.vocabulary)
        self._answer = all_but({*end, closes, opens}, tokenizer.vocabulary)

    def allowed(self) -> int | NDArray[np.uint32] | None:
        """What may be drawn next: None everything, an id only that one, else bits set for what is allowed.

        The bits are uint32[ceil(vocabulary / 32)], token t at bit t % 32 of word t // 32; do not write to them.
        """
        reasoning = self._reasoning
        if reasoning.inside:
            spent = reasoning.tokens >= self._budget
            return self._closes if spent or self._remaining < _TAGS_AND_ANSWER else self._inside
        if reasoning.answered:
            return None
        may_think = self._remaining >= _TAGS_AND_ANSWER and not (self._closed and reasoning.tokens >= self._budget)
        return self._outside if may_think else self._answer

    def accept(self, token: int) -> None:
        """Take the drawn token."""
        self._remaining -= 1
        reasoning = self._reasoning
        if token in (reasoning.opens, reasoning.closes) or self._tokenizer.is_control(token):
            self._closed |= reasoning.control(token) and not reasoning.inside
        else:
            reasoning.text(self._tokenizer.piece(token))


def all_but(tokens: Iterable[int], vocabulary: int) -> NDArray[np.uint32]:
    """A mask that allows all of the vocabulary but `tokens`."""
    bits = np.ones(-(-vocabulary // 32) * 32, dtype=np.uint8)
    bits[vocabulary:] = 0
    bits[list(tokens)] = 0
    return np.packbits(bits, bitorder="little").view("<u4").astype(np.uint32)
