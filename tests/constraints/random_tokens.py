"""Random tokens that a grammar allows, and what becomes of them; a seed gives the same tokens each time."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from tests.requests import constrain

from mimo.calls import FORMATS, CallFormat
from mimo.constraints.trial import trials
from mimo.output.choice import ChoiceOutput
from mimo.tokenizers.bytes import ByteTokenizer
from mimo.types import (
    Constraint,
    Event,
    TokenBatch,
    Tool,
)

TOKENIZER = ByteTokenizer()
CLOSERS = [*b'"}],<>/']
LIMIT = 6000


def drawn(grammar: str, seed: int, tools: Sequence[Tool] = (), form: CallFormat = FORMATS[0]) -> list[int]:
    """Random tokens that the grammar allows, up to the end of the turn; what closes something comes often."""
    assert trials.problem(grammar) == "", grammar
    rule = following(grammar, tools, form)
    rng, tokens = random.Random(seed), list[int]()
    while len(tokens) < LIMIT:
        mask = rule.allowed()
        assert isinstance(mask, np.ndarray)
        allowed = np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little")).tolist()
        assert allowed, text(tokens) + grammar
        closers = [token for token in ending(tokens) or CLOSERS if token in allowed]
        token = rng.choice(closers if closers and rng.random() < 0.6 else allowed)
        if token in TOKENIZER.end_ids:
            return tokens
        rule.accept(token)
        tokens.append(token)
    raise AssertionError(f"no end after {LIMIT} tokens: {text(tokens)[:500]}")


def following(grammar: str, tools: Sequence[Tool] = (), form: CallFormat = FORMATS[0]) -> Constraint:
    """What a choice must follow under `grammar`."""
    made = constrain(TOKENIZER, grammar=grammar, tools=tools, calls=form)
    rule = made(0, LIMIT) if made else None
    assert rule is not None
    return rule


def ending(tokens: Sequence[int]) -> list[int]:
    """The next byte of `</parameter>` where the last ones are its beginning."""
    end = b"</parameter>"
    size = next((size for size in range(len(end) - 1, 0, -1) if tokens[-size:] == list(end[:size])), 0)
    return [end[size]] if size else []


def text(tokens: Sequence[int]) -> str:
    return b"".join(map(TOKENIZER.piece, tokens)).decode(errors="replace")


def output(tokens: Sequence[int], tools: Sequence[Tool]) -> list[Event]:
    choice = ChoiceOutput(0, TOKENIZER, thinking=False, in_reasoning=False, stop=(), tools=tools)
    return choice.push(TokenBatch(0, tuple(tokens), (), "stop"))
