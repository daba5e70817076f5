"""Whatever the model, what is held to a schema fits it: random tokens under the mask, for a hundred schemas."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

import jsonschema
import numpy as np
import pytest
from tests.grammar.schemas import SCHEMAS

from mimo.chat.bytes_tokenizer import ByteTokenizer
from mimo.contract.schema import check_constraining, check_shape
from mimo.engines.base import Generation, Sampled
from mimo.engines.sampling import constraint
from mimo.output.choice import ChoiceOutput
from mimo.output.formats import FORMATS
from mimo.output.grammars import answer_grammar
from mimo.sampling.guidance import grammar_problem
from mimo.types import ContentDelta, Event, Finish, Grammar, JsonFormat, Tool, ToolCallDelta

TOKENIZER = ByteTokenizer()
CLOSERS = [*b'"}],<>/']
LIMIT = 6000


def drawn(grammar: Grammar, seed: int) -> list[int]:
    """Random tokens that the grammar allows, up to the end of the turn; what closes something comes often."""
    assert grammar_problem(grammar) == "", grammar.text
    rule = constraint(Generation((), LIMIT, grammar=grammar), TOKENIZER, LIMIT)
    assert rule is not None
    rng, tokens = random.Random(seed), list[int]()
    while len(tokens) < LIMIT:
        mask = rule.allowed()
        assert isinstance(mask, np.ndarray)
        allowed = np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little")).tolist()
        assert allowed, text(tokens) + grammar.text
        closers = [token for token in ending(tokens) or CLOSERS if token in allowed]
        token = rng.choice(closers if closers and rng.random() < 0.6 else allowed)
        if token in TOKENIZER.end_ids:
            return tokens
        rule.accept(token)
        tokens.append(token)
    raise AssertionError(f"no end after {LIMIT} tokens: {text(tokens)[:500]}")


def ending(tokens: Sequence[int]) -> list[int]:
    """The next byte of `</parameter>` where the last ones are its beginning."""
    end = b"</parameter>"
    size = next((size for size in range(len(end) - 1, 0, -1) if tokens[-size:] == list(end[:size])), 0)
    return [end[size]] if size else []


def text(tokens: Sequence[int]) -> str:
    return b"".join(map(TOKENIZER.piece, tokens)).decode(errors="replace")


def output(tokens: Sequence[int], tools: Sequence[Tool]) -> list[Event]:
    choice = ChoiceOutput(0, TOKENIZER, thinking=False, in_reasoning=False, stop=(), tools=tools)
    return choice.push(Sampled(0, tuple(tokens), (), "stop"))


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_answer_held_to_a_schema_fits_it(name: str) -> None:
    schema = SCHEMAS[name]
    check_constraining(schema, "schema")
    grammar = answer_grammar((), "auto", JsonFormat(schema), None)
    assert grammar is not None
    for seed in range(3):
        value = json.loads(text(drawn(grammar, seed)))
        jsonschema.validate(value, schema, jsonschema.Draft202012Validator)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
@pytest.mark.parametrize("name", SCHEMAS)
def test_a_required_call_is_whole_and_its_arguments_fit_the_schema(name: str, form) -> None:  # type: ignore[no-untyped-def]
    schema = SCHEMAS[name]
    check_shape(schema, "schema")
    tools = (Tool("get_it", "", schema), Tool("other", "", {}))
    grammar = answer_grammar(tools, "required", None, form)
    assert grammar is not None
    for seed in range(4):
        tokens = drawn(grammar, seed)
        events = output(tokens, tools)
        assert events[-1] == Finish(0, "tool_calls"), text(tokens)
        assert not any(isinstance(event, ContentDelta) for event in events), text(tokens)
        names = [event.name for event in events if isinstance(event, ToolCallDelta) and event.name]
        written = [event.arguments for event in events if isinstance(event, ToolCallDelta) and not event.name]
        assert len(names) == text(tokens).count("</tool_call>")
        for called, arguments in zip(names, written, strict=True):
            held = schema if called == "get_it" else {"type": "object"}
            jsonschema.validate(json.loads(arguments), held, jsonschema.Draft202012Validator)


def test_a_string_within_a_json_value_never_holds_the_end_of_the_value() -> None:
    schema = {"type": "object", "properties": {"list": {"type": "array", "items": {"type": "string"}}}}
    grammar = answer_grammar((Tool("act", "", schema),), "required", None, FORMATS[0])
    assert grammar is not None
    rule = constraint(Generation((), LIMIT, grammar=grammar), TOKENIZER, LIMIT)
    assert rule is not None
    opens = TOKENIZER.control("<tool_call>")
    body = b'<function=act><parameter=list>["<b></b> \\"</paramete </parameter'
    for token in [opens, *body]:
        assert token is not None and allows(rule.allowed(), token), (token, body)
        rule.accept(token)
    assert not allows(rule.allowed(), ord(">")) and allows(rule.allowed(), ord("x"))
    for token in b'"]</parameter>':
        assert allows(rule.allowed(), token)
        rule.accept(token)


def allows(mask: object, token: int) -> bool:
    return isinstance(mask, np.ndarray) and bool(mask[token // 32] >> token % 32 & 1)
