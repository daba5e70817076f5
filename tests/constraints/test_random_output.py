"""Whatever the model, what is held to a schema fits it: random tokens under the mask, for a hundred schemas."""

from __future__ import annotations

import json

import jsonschema
import pytest
from tests.constraints.random_tokens import TOKENIZER, drawn, following, output, text
from tests.constraints.schemas import SCHEMAS

from mimo.calls import FORMATS
from mimo.constraints.grammar import answer_grammar
from mimo.contract.json_schema.schema import check_constraining, check_shape
from mimo.contract.tools import check_tool_rules
from mimo.sampling.allowed import allows
from mimo.types import (
    CompleteCall,
    ContentDelta,
    Finish,
    JsonFormat,
    Tool,
    ToolChoice,
)


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_answer_under_a_schema_fits_it(name: str) -> None:
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
    tools = check_tool_rules((Tool("get_it", "", schema), Tool("other", "", {})), "required")
    grammar = answer_grammar(tools, "required", None, form)
    assert grammar is not None
    for seed in range(4):
        tokens = drawn(grammar, seed, tools, form)
        events = output(tokens, tools)
        assert events[-1] == Finish(0, "tool_calls"), text(tokens)
        assert not any(isinstance(event, ContentDelta) for event in events), text(tokens)
        names = [event.name for event in events if isinstance(event, CompleteCall)]
        written = [event.arguments for event in events if isinstance(event, CompleteCall)]
        assert len(names) == text(tokens).count("</tool_call>")
        for called, arguments in zip(names, written, strict=True):
            held = schema if called == "get_it" else {"type": "object"}
            jsonschema.validate(json.loads(arguments), held, jsonschema.Draft202012Validator)


def test_a_string_within_a_json_value_never_holds_the_end_of_the_value() -> None:
    schema = {"type": "object", "properties": {"list": {"type": "array", "items": {"type": "string"}}}}
    tools = check_tool_rules((Tool("act", "", schema),), "required")
    grammar = answer_grammar(tools, "required", None, FORMATS[0])
    assert grammar is not None
    rule = following(grammar, tools)
    opens = TOKENIZER.control("<tool_call>")
    body = b'<function=act><parameter=list>["<b></b> \\"</paramete </parameter'
    for token in [opens, *body]:
        assert token is not None and allows(rule.allowed(), token), (token, body)
        rule.accept(token)
    assert not allows(rule.allowed(), ord(">")) and allows(rule.allowed(), ord("x"))
    for token in b'"]</parameter>':
        assert allows(rule.allowed(), token)
        rule.accept(token)


@pytest.mark.parametrize(
    ("name", "written", "allowed"),
    [
        ("text or positive", "5", True), ("text or positive", "-5", False), ("text or positive", "a-5", True),
        ("bounded integer or null", "5", True), ("bounded integer or null", "9", False),
        ("text or array", "[1]", True), ("text or array", "[9", False), ("text or array", "x[9", True),
        ("nullable text", "null", True), ("nullable text", "None", False), ("nullable text", "nul", True),
        ("enum mixed", "2.5", True), ("enum mixed", "2", False), ("unicode enum", "a\nb", True),
        ("short", "a", False), ("short", "ab", True), ("pattern slash", "/a/", True), ("pattern slash", "a/", False),
        ("string", "</parameter", True), ("boolean", "true", True), ("boolean", "True", False),
    ],
)  # fmt: skip
def test_what_a_value_of_a_call_may_be(name: str, written: str, allowed: bool) -> None:
    tools = check_tool_rules((Tool("act", "", SCHEMAS[name]),), "required")
    grammar = answer_grammar(tools, "required", None, FORMATS[0])
    assert grammar is not None
    rule = following(grammar, tools)
    opens = TOKENIZER.control("<tool_call>")
    assert opens is not None
    for token in [opens, *f"<function=act><parameter=value>{written}</parameter>".encode()]:
        if not allows(rule.allowed(), token):
            break
        rule.accept(token)
    else:
        assert allowed
        return
    assert not allowed


@pytest.mark.parametrize(("parallel", "more"), [(True, True), (False, False)])
@pytest.mark.parametrize("choice", ["required", "auto"])
def test_without_parallel_calls_only_the_end_may_follow_the_first(
    choice: ToolChoice, parallel: bool, more: bool
) -> None:
    tools = check_tool_rules((Tool("act", "", {"type": "object", "properties": {}}, strict=True),), choice)
    grammar = answer_grammar(tools, choice, None, FORMATS[0], parallel=parallel)
    assert grammar is not None
    rule = following(grammar, tools)
    opens, closes = TOKENIZER.control("<tool_call>"), TOKENIZER.control("</tool_call>")
    assert opens is not None and closes is not None
    for token in [opens, *b"<function=act></function>", closes]:
        rule.accept(token)
    assert all(allows(rule.allowed(), token) for token in TOKENIZER.end_ids)
    assert allows(rule.allowed(), opens) is more
    assert any(allows(rule.allowed(), token) for token in range(256)) is more
