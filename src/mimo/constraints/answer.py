"""What one choice must follow, reasoning and answer together: the reasoning is free, the answer fits the grammar.

1. inside reasoning: what the thinking budget says; without a budget everything but the end of the turn
2. outside: what the grammar says, and before its first token `<think>` too, once, if thinking is on
3. both: outside the budget may still forbid, so that an answer always follows
4. where the engine can, thinking that the prompt has not opened begins with the first token

The marker of a call inside reasoning, where calls are possible, ends it and is the first token of the grammar.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mimo.constraints.budget import ThinkingBudget
from mimo.output.reasoning import Reasoning
from mimo.sampling.allowed import all_but, allow, allows, expected
from mimo.tokenizers.base import Tokenizer
from mimo.types import Allowed, Constraint


class BudgetConstraint:
    """A thinking budget by itself."""

    def __init__(self, budget: ThinkingBudget, reasoning: Reasoning) -> None:
        self._budget = budget
        self._reasoning = reasoning
        self.allowed = budget.allowed

    def accept(self, token: int) -> None:
        """Take the drawn token."""
        self._budget.count(self._reasoning.push(token))


class ThinkingFirst:
    """`opens`, which begins reasoning, is the first token wherever `inner` allows it (None: everywhere): thinking is a
    switch, whatever the temperature."""

    def __init__(self, inner: Constraint | None, opens: int) -> None:
        self.inner = inner
        self._opens = opens
        self._begun = False

    def allowed(self) -> Allowed:
        """What may be drawn next."""
        allowed = None if self.inner is None else self.inner.allowed()
        return self._opens if not self._begun and allows(allowed, self._opens) else allowed

    def expected(self) -> Sequence[int]:
        """What is nearly certain to come next."""
        return expected(self.inner) if self._begun else ()

    def accept(self, token: int) -> None:
        """Take the drawn token."""
        self._begun = True
        if self.inner is not None:
            self.inner.accept(token)


class AnswerConstraint:
    """`grammar` from the end of the reasoning on, `budget` throughout. `thinks_first`: thinking is on, and the prompt
    has not opened it."""

    def __init__(
        self,
        grammar: Constraint,
        budget: ThinkingBudget | None,
        reasoning: Reasoning,
        tokenizer: Tokenizer,
        *,
        thinks_first: bool,
    ) -> None:
        self._grammar = grammar
        self._budget = budget
        self._reasoning = reasoning
        self._may_think = thinks_first and reasoning.opens is not None
        self._inside = all_but(tokenizer.end_ids, tokenizer.vocabulary)

    def allowed(self) -> Allowed:
        """What may be drawn next."""
        budget = self._budget.allowed() if self._budget else None
        if self._reasoning.inside:
            return self._inside if budget is None else budget
        allowed = self._grammar.allowed()
        if isinstance(allowed, np.ndarray):
            if self._may_think and self._reasoning.opens is not None:
                allowed = allow(allowed, (self._reasoning.opens,))
            if isinstance(budget, np.ndarray):
                allowed = allowed & budget
        return allowed

    def expected(self) -> Sequence[int]:
        """What is nearly certain to come next."""
        return () if self._reasoning.inside or self._may_think else expected(self._grammar)

    def accept(self, token: int) -> None:
        """Take the drawn token."""
        reasoning = self._reasoning
        inside, begins = reasoning.inside, self._may_think and token == reasoning.opens
        self._may_think = False
        switched = reasoning.push(token)
        if self._budget:
            self._budget.count(switched)
        if inside:
            if switched and token == reasoning.call_opens:
                self._grammar.accept(token)
        elif not begins:
            self._grammar.accept(token)
