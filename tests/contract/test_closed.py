"""Objects hold the properties that their schema names: where that is safe, and nowhere else."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.constraints.random_tokens import drawn, output

from mimo.calls import FORMATS
from mimo.constraints.plan import checked_grammar
from mimo.contract.errors import InvalidRequest
from mimo.contract.json_schema.closed import closed
from mimo.contract.models import MODELS
from mimo.contract.resolve import resolve
from mimo.types import CompleteCall, ContentDelta

A: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "integer"}}}
B: dict[str, Any] = {"type": "object", "properties": {"b": {"type": "integer"}}}
NO = {"additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (A, {**A, **NO}),
        ({"properties": {"in": A}}, {"properties": {"in": {**A, **NO}}, **NO}),
        ({"type": "array", "items": A}, {"type": "array", "items": {**A, **NO}}),
        ({"anyOf": [A, B]}, {"anyOf": [{**A, **NO}, {**B, **NO}]}),
        (
            {"$ref": "#/$defs/x", "$defs": {"x": A}, "title": "t"},
            {"$ref": "#/$defs/x", "$defs": {"x": {**A, **NO}}, "title": "t"},
        ),
    ],
)
def test_an_object_is_closed_wherever_it_stands(schema, expected):
    assert closed(schema) == expected


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {**A, "additionalProperties": True},
        {**A, "additionalProperties": {"type": "string"}},
        {**A, "patternProperties": {"^x": True}},
        {**A, "required": ["z"]},
        {**A, "minProperties": 2},
        {"allOf": [A, B]},
        {"oneOf": [A, B]},
        {**A, "anyOf": [B, {"properties": {"c": A}}]},
        {"anyOf": [A], "allOf": [B]},
        {"allOf": [{"properties": {"in": A}}, {"properties": {"in": B}}]},
        {"allOf": [{"$ref": "#/$defs/x"}, B], "$defs": {"x": {**A, "anyOf": [{"$ref": "#/$defs/y"}]}, "y": B}},
    ],
)
def test_an_object_stays_open_where_it_says_so_or_others_speak_of_it(schema):
    assert closed(schema) == schema


def test_a_part_that_is_shared_in_one_place_is_open_in_all():
    schema = {"properties": {"p": {"$ref": "#/$defs/x"}, "q": {"allOf": [{"$ref": "#/$defs/x"}, B]}}, "$defs": {"x": A}}
    assert closed(schema) == {**schema, **NO}


leaves = st.sampled_from([{"type": "integer"}, {"type": "boolean"}, {"enum": ["x", 1]}, {"$ref": "#/$defs/d"}])
NAMES = st.sampled_from(["a", "b", "c"])


def larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    objects = st.builds(
        lambda parts, names, more: {"type": "object", "properties": parts, "required": names, **more},
        st.dictionaries(NAMES, inner, max_size=3),
        st.lists(NAMES, max_size=2, unique=True),
        st.sampled_from([{}, {"additionalProperties": True}, {"minProperties": 1}, {"maxProperties": 2}]),
    )
    joins = st.builds(
        lambda keyword, parts: {keyword: parts},
        st.sampled_from(["anyOf", "allOf", "oneOf"]),
        st.lists(inner, min_size=1, max_size=2),
    )
    mixed = st.builds(lambda one, other: {**one, **other}, objects, joins)
    return st.one_of(objects, joins, mixed, st.builds(lambda part: {"type": "array", "items": part}, inner))


schemas = st.recursive(leaves, larger, max_leaves=5)
roots = st.builds(
    lambda parts, definition: {"type": "object", "properties": parts, "$defs": {"d": definition}},
    st.dictionaries(NAMES, schemas, min_size=1, max_size=3),
    schemas,
)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(roots, st.booleans(), st.integers(0, 99))
def test_what_fits_the_closed_schema_fits_the_clients(schema: dict[str, Any], call: bool, seed: int) -> None:
    function = {"name": "act", "parameters": schema}
    fields: dict[str, Any] = {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}}
    if call:
        fields = {"tools": [{"type": "function", "function": function}], "tool_choice": "required"}
        fields["parallel_tool_calls"] = False
    try:
        params = resolve(fields, MODELS["mimo-v2-flash"]).params
        assume(not any(tool.left_out for tool in params.tools))
        left_out: list[str] = []
        grammar = checked_grammar(params, params.tools, FORMATS[1] if call else None, left_out)
        assume(not left_out)  # what is reported as not held need not fit
    except InvalidRequest:
        return
    assert grammar is not None
    try:
        events = output(drawn(grammar, seed, params.tools, FORMATS[1]), params.tools)
    except AssertionError as endless:
        assert "no end" in str(endless)
        return
    texts = [event.arguments for event in events if isinstance(event, CompleteCall)]
    if not call:
        texts = ["".join(event.text for event in events if isinstance(event, ContentDelta))]
    jsonschema.Draft202012Validator(schema).validate(json.loads(texts[0]))


def test_a_thousand_references_are_looked_at_once():
    parts = {f"d{at}": {"properties": {"n": {"$ref": f"#/$defs/d{at + 1}"}}} for at in range(1000)}
    schema = {"properties": {"p": {"$ref": "#/$defs/d0"}}, "$defs": {**parts, "d1000": A}}
    assert closed(schema)["$defs"]["d999"]["additionalProperties"] is False  # type: ignore[index]
