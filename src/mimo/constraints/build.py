"""From a `TokenRequest` to the constraint of each of its choices."""

from __future__ import annotations

from mimo.calls.mimo.end_guard import ValuesGuard
from mimo.constraints.answer import GuidedAnswer
from mimo.constraints.budget import thinking_budget
from mimo.constraints.ends import OpenEnd
from mimo.constraints.llguidance import guided
from mimo.sampling import Constraint
from mimo.tokenizers.base import Tokenizer
from mimo.types import TokenRequest


def constraint(generation: TokenRequest, tokenizer: Tokenizer, limit: int) -> Constraint | None:
    """What one choice is held to, or None: its thinking budget, its grammar, or both.

    `limit`: tokens the choice may have. Raises ValueError for a grammar that does not compile (`generate` checks it).
    """
    budget = thinking_budget(generation, tokenizer, limit)
    if generation.grammar is None:
        return OpenEnd(budget, tokenizer, generation.min_tokens) if generation.min_tokens else budget
    grammar: Constraint = guided(generation.grammar, tokenizer)
    if generation.grammar.json_values:
        grammar = ValuesGuard(grammar, tokenizer, generation.grammar.json_values)
    return GuidedAnswer(
        grammar,
        tokenizer,
        budget,
        thinking=generation.thinking,
        in_reasoning=generation.in_reasoning,
        calls=generation.calls,
    )
