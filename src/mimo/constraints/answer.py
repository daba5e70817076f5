"""The grammar and the thinking of one choice as one constraint: the reasoning is free, the answer is held.

1. inside reasoning: what the thinking budget says; without a budget everything but the end of the turn
2. outside: what the grammar says, and before its first token `<think>` too, once, if thinking is on
3. both: outside the budget may still forbid, so that an answer always follows

`<tool_call>` inside reasoning, where calls are possible, ends it and is the first token of the grammar.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mimo.constraints.budget import ThinkingBudget, all_but
from mimo.output.reasoning import Reasoning
from mimo.sampling.grammar import Constraint
from mimo.tokenizers.base import Tokenizer


class GuidedAnswer:
    """`grammar` from the end of the reasoning on, `budget` throughout. It answers as a constraint does."""

    def __init__(
        self,
        grammar: Constraint,
        tokenizer: Tokenizer,
        budget: ThinkingBudget | None,
        *,
        thinking: bool,
        in_reasoning: bool,
        calls: bool,
    ) -> None:
        self._grammar = grammar
        self._budget = budget
        self._reasoning = Reasoning(tokenizer, thinking=thinking, in_reasoning=in_reasoning, calls=calls)
        self._fresh = thinking and not in_reasoning and self._reasoning.opens is not None
        self._inside = all_but(tokenizer.end_ids, tokenizer.vocabulary)

    def allowed(self) -> int | NDArray[np.uint32] | None:
        """What may be drawn next, as `Constraint` has it."""
        budget = self._budget.allowed() if self._budget else None
        if self._reasoning.inside:
            return self._inside if budget is None else budget
        allowed = self._grammar.allowed()
        if isinstance(allowed, np.ndarray):
            if self._fresh and (opens := self._reasoning.opens) is not None:
                allowed = allowed.copy()
                allowed[opens // 32] |= np.uint32(1 << (opens % 32))
            if isinstance(budget, np.ndarray):
                allowed = allowed & budget
        return allowed

    def accept(self, token: int) -> None:
        """Take the drawn token."""
        if self._budget:
            self._budget.accept(token)
        reasoning, fresh = self._reasoning, self._fresh
        self._fresh = False
        if not reasoning.inside:
            if fresh and token == reasoning.opens:
                reasoning.control(token)
            else:
                self._grammar.accept(token)
        elif reasoning.control(token) and token == reasoning.call_opens:
            self._grammar.accept(token)
