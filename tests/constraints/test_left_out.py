"""Forced calls of tools that are not strict: ordinary schemas are held as far as they can be, the rest is reported."""

from __future__ import annotations

from typing import Any

import pytest
from tests.constraints.random_tokens import drawn, output

from mimo.calls import FORMATS
from mimo.constraints.plan import checked_grammar
from mimo.contract.errors import InvalidRequest
from mimo.contract.models import MODELS
from mimo.contract.resolve import resolve
from mimo.types import CompleteCall

MIMO, HERMES = FORMATS
TEXT, NUMBER = {"type": "string", "maxLength": 4}, {"type": "integer", "minimum": 0, "maximum": 9}
CAT = {"type": "object", "properties": {"kind": {"const": "cat"}, "lives": NUMBER}, "required": ["kind", "lives"]}
DOG = {"type": "object", "properties": {"kind": {"const": "dog"}, "name": TEXT}, "required": ["kind", "name"]}
A = {"properties": {"a": NUMBER, "b": NUMBER}, "type": "object"}
P = "tools[0].function.parameters"
V = f"{P}.properties.v"


def of(value: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"v": value}, "required": ["v"], **more}


CASES: list[tuple[dict[str, Any], list[str], list[str]]] = [
    (of({"oneOf": [TEXT, {"type": "string", "maxLength": 2}]}), [f"{V}.oneOf"], [f"{V}.oneOf"]),
    (of({"oneOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "string", "enum": ["c"]}]}), [f"{V}.oneOf"], []),
    (of({"type": "string", "anyOf": [{"const": "x"}, {"maxLength": 2}]}), [f"{V}.anyOf"], []),
    (of({"allOf": [TEXT, {"minLength": 1}]}), [f"{V}.allOf[1]"], []),
    (of({"$ref": "#/$defs/t", "minLength": 1}, **{"$defs": {"t": TEXT}}), [f"{V}.minLength"], []),
    (of({"oneOf": [CAT, DOG]}), [], []),
    ({**A, "minProperties": 1}, [f"{P}.minProperties"], []),
    ({**A, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, [f"{P}.anyOf"], []),
    ({**A, "patternProperties": {"^x": NUMBER}}, [f"{P}.patternProperties"], []),
]


@pytest.mark.parametrize(("schema", "mimo", "hermes"), CASES)
def test_a_forced_call_leaves_out_what_its_form_cannot_hold_and_says_so(schema, mimo, hermes):
    for form, expected in ((MIMO, mimo), (HERMES, hermes)):
        grammar, left_out, tools = asked(schema, form)
        assert sorted(set(left_out)) == sorted(expected), form.name
        for seed in range(5):
            events = output(drawn(grammar, seed, tools, form), tools)
            assert [event.name for event in events if isinstance(event, CompleteCall)] == ["f"]


@pytest.mark.parametrize(("schema", "mimo", "_"), [case for case in CASES if case[1]])
def test_a_strict_tool_refuses_it_by_its_path(schema, mimo, _):
    with pytest.raises(InvalidRequest) as refused:
        asked(schema, MIMO, strict=True)
    assert refused.value.param is not None and refused.value.param.startswith(P)


def asked(schema: dict[str, Any], form: Any, strict: bool = False) -> tuple[str, list[str], Any]:
    function = {"name": "f", "parameters": schema, "strict": strict}
    fields = {"tools": [{"type": "function", "function": function}], "tool_choice": "required"}
    params = resolve({**fields, "parallel_tool_calls": False}, MODELS["mimo-v2-flash"]).params
    left_out: list[str] = []
    grammar = checked_grammar(params, params.tools, form, left_out)
    assert grammar is not None
    return grammar, left_out, params.tools
