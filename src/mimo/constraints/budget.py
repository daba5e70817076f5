"""The thinking budget: `</think>` is forced in time, and an answer always follows.

While the answer is empty:
1. inside reasoning, `</think>` is forced when the budget is spent, or when only it and one answer token still fit
2. inside reasoning, the turn may not end
3. outside, the turn may not end, a stray `</think>` may not be drawn, and `<think>` only while reasoning can follow:
   room for both tags and one answer token, and no earlier reasoning that spent the budget
Once visible content or a call came everything is allowed. Knows no logits and no grammar; it reads where the choice
stands from the `Reasoning` that its owner keeps.
"""

from __future__ import annotations

from mimo.output.reasoning import Reasoning
from mimo.sampling.allowed import all_but
from mimo.tokenizers.base import Tokenizer
from mimo.types import Allowed

_TAGS_AND_ANSWER = 3


class ThinkingBudget:
    """At most `tokens` of reasoning (tags not counted) among at most `limit` in all, for the choice of `reasoning`,
    whose vocabulary has both tags."""

    def __init__(self, tokens: int, limit: int, reasoning: Reasoning, tokenizer: Tokenizer) -> None:
        assert reasoning.opens is not None and reasoning.closes is not None
        self._tokens = tokens
        self._remaining = limit
        self._reasoning = reasoning
        self._closes = reasoning.closes
        self._closed = False
        end = tokenizer.end_ids
        self._inside = all_but(end, tokenizer.vocabulary)
        self._outside = all_but({*end, reasoning.closes}, tokenizer.vocabulary)
        self._answer = all_but({*end, reasoning.closes, reasoning.opens}, tokenizer.vocabulary)

    def allowed(self) -> Allowed:
        """What may be drawn next."""
        reasoning = self._reasoning
        if reasoning.inside:
            spent = reasoning.tokens >= self._tokens
            return self._closes if spent or self._remaining < _TAGS_AND_ANSWER else self._inside
        if reasoning.answered:
            return None
        may_think = self._remaining >= _TAGS_AND_ANSWER and not (self._closed and reasoning.tokens >= self._tokens)
        return self._outside if may_think else self._answer

    def count(self, switched: bool) -> None:
        """A token came; `switched`: between reasoning and content."""
        self._remaining -= 1
        self._closed |= switched and not self._reasoning.inside
