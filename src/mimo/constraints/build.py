"""From a checked request to what each of its choices must follow: one value, which engines call and look no further.

Joins thinking, grammar and calls; what is slow is done here, before the engine is asked. Knows no engine and no prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from mimo.calls import CallFormat
from mimo.calls.base import Texts
from mimo.constraints.answer import AnswerConstraint, BudgetConstraint, ThinkingFirst
from mimo.constraints.budget import ThinkingBudget
from mimo.constraints.ends import OpenEnd
from mimo.constraints.grammar import as_grammar
from mimo.constraints.llguidance import Grammar, GrammarConstraint, compiled
from mimo.contract.errors import InvalidRequest
from mimo.contract.request import Params
from mimo.output.reasoning import Reasoning
from mimo.tokenizers.base import Tokenizer
from mimo.types import THINK, Constrain, Constraint, Tool


def answer_constraint(
    params: Params,
    tools: Sequence[Tool],
    calls: CallFormat | None,
    grammar: str | None,
    tokenizer: Tokenizer,
    *,
    in_reasoning: bool,
    thinks_first: bool = False,
) -> Constrain | None:
    """What each choice must follow, None: nothing. `tools`: those offered, in the form of `calls`; `grammar`: of the
    answer; `in_reasoning`: the prompt left a `<think>` open; `thinks_first`: with thinking on, the first token does.

    CPU-bound where there is a grammar, for any thread. Raises `InvalidRequest` for one that the vocabulary cannot
    follow.
    """
    least = least_tokens(params)
    if grammar is None and not least and not params.thinking:
        return None
    opens, closes = map(tokenizer.control, THINK)
    thinks = params.thinking and opens is not None and closes is not None
    budget = params.thinking_budget if thinks else None
    first = opens if thinks and thinks_first and not in_reasoning else None
    if grammar is None and budget is None and not least and first is None:
        return None
    try:
        ready = None if grammar is None else compiled(grammar, tokenizer)
    except ValueError as problem:
        words = f"the tokens of this model cannot follow the grammar that this request needs: {problem}"
        raise InvalidRequest(words) from None
    texts = {} if ready is None or calls is None else _texts(tools, calls, tokenizer)
    return AnswerRules(
        params.thinking, in_reasoning, budget, least, first, ready, tuple(tools), calls, texts, tokenizer
    )


def _texts(tools: Sequence[Tool], calls: CallFormat, tokenizer: Tokenizer) -> Texts:
    """What values must follow that have a grammar of their own. Raises `InvalidRequest`."""
    found: dict[tuple[str, str], Callable[[], Constraint]] = {}
    for tool in tools:
        for key, written in calls.texts(tool).items():
            try:
                ready = compiled(as_grammar(written), tokenizer)
            except ValueError as problem:
                words = f"the tokens of this model cannot follow the grammar of {tool.name}: {problem}"
                raise InvalidRequest(words) from None
            found[tool.name, key] = partial(GrammarConstraint, ready, tokenizer)
    return found


def least_tokens(params: Params) -> int:
    """How many tokens must come before the end of the turn."""
    return params.max_completion_tokens if params.ignore_eos else params.min_tokens


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """Makes the constraints of one request."""

    thinking: bool
    in_reasoning: bool
    budget: int | None
    least: int
    first: int | None
    grammar: Grammar | None
    tools: tuple[Tool, ...]
    calls: CallFormat | None
    texts: Texts
    tokenizer: Tokenizer

    @property
    def every_token(self) -> bool:
        """Whether there is a grammar."""
        return self.grammar is not None

    @property
    def changes(self) -> bool:
        """Whether there is a grammar or a thinking budget."""
        return self.grammar is not None or self.budget is not None

    def __call__(self, choice: int, limit: int) -> Constraint | None:
        rule = self._rule(limit)
        return rule if self.first is None else ThinkingFirst(rule, self.first)

    def _rule(self, limit: int) -> Constraint | None:
        reasoning = Reasoning(
            self.tokenizer, thinking=self.thinking, in_reasoning=self.in_reasoning, calls=bool(self.tools)
        )
        budget = None if self.budget is None else ThinkingBudget(self.budget, limit, reasoning, self.tokenizer)
        if self.grammar is None:
            rule = BudgetConstraint(budget, reasoning) if budget else None
            return OpenEnd(rule, self.tokenizer, self.least) if self.least else rule
        grammar: Constraint = GrammarConstraint(self.grammar, self.tokenizer)
        if self.calls is not None:
            grammar = self.calls.guarded(grammar, self.tools, self.tokenizer, self.texts)
        return AnswerConstraint(
            grammar, budget, reasoning, self.tokenizer, thinks_first=self.thinking and not self.in_reasoning
        )
