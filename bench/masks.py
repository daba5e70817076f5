"""What holding an answer to a grammar costs a step: `python -m bench.masks`.

A mask and an accepted token, on 4,096 ids and on 152,576, for a JSON schema and for a MiMo tool call;
tokens are drawn at random (seed 1) from what each mask allows, so that the walk meets every part of the grammar.
"""

from __future__ import annotations

import random
import time

import numpy as np

from mimo.constraints.build import answer_constraint
from mimo.constraints.llguidance import vocabulary_of
from mimo.constraints.plan import checked_grammar, offered_calls
from mimo.contract.models import MODELS
from mimo.contract.resolve import resolve
from mimo.tokenizers.bytes import ByteTokenizer

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "tags": {"type": "array", "items": {"enum": ["red", "green", "blue"]}, "maxItems": 4},
    },
    "required": ["name", "age", "tags"],
    "additionalProperties": False,
}
REQUESTS: dict[str, dict[str, object]] = {
    "JSON schema": {"response_format": {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}},
    "tool call": {
        "tools": [{"type": "function", "function": {"name": "save", "parameters": PERSON}}],
        "tool_choice": "required",
    },
}


class WordTokenizer(ByteTokenizer):
    """Bytes, MiMo's control tokens, and random words up to a vocabulary of `size`."""

    def __init__(self, size: int) -> None:
        super().__init__()
        dice = random.Random(1)
        letters = 'abcdefghijklmnopqrstuvwxyz    0123456789",:{}[]<>/=\n'
        while len(self.pieces) < size:
            self.pieces.append("".join(dice.choices(letters, k=dice.randrange(2, 9))).encode())
        self.vocabulary = size


def steps(tokenizer: ByteTokenizer, fields: dict[str, object], answers: int = 20, longest: int = 300) -> list[float]:
    """Seconds of each mask with its accept, over several answers."""
    params = resolve(fields, MODELS["mimo-v2-flash"]).params
    calls = offered_calls(params.tools, None, tokenizer)
    grammar = checked_grammar(params, params.tools, calls)
    constrain = answer_constraint(params, params.tools, calls, grammar, tokenizer, in_reasoning=False)
    assert constrain is not None
    dice = np.random.default_rng(1)
    taken = []
    for _ in range(answers):
        constraint = constrain(0, longest)
        assert constraint is not None
        for _ in range(longest):
            start = time.perf_counter()
            allowed = constraint.allowed()
            masked = time.perf_counter() - start
            if isinstance(allowed, int):
                token = allowed
            else:
                assert allowed is not None
                ids = np.flatnonzero(np.unpackbits(allowed.view(np.uint8), bitorder="little"))
                token = int(dice.choice(ids))
            if token in tokenizer.end_ids:
                break
            start = time.perf_counter()
            constraint.accept(token)
            taken.append(masked + time.perf_counter() - start)
    return taken


def main() -> None:
    """Print the table."""
    print("| vocabulary | grammar | steps | median µs | 99 % µs | longest µs |\n|--:|---|--:|--:|--:|--:|")
    for size in (4096, 152_576):
        tokenizer = WordTokenizer(size)
        vocabulary_of(tokenizer)
        for name, fields in REQUESTS.items():
            taken = np.array(steps(tokenizer, fields)) * 1e6
            middle, high = np.quantile(taken, (0.5, 0.99))
            print(f"| {size:,} | {name} | {len(taken)} | {middle:.0f} | {high:.0f} | {taken.max():.0f} |")


if __name__ == "__main__":
    main()
