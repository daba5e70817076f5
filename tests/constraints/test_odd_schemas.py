"""Schemas nobody would write: each is refused with a 400 that names a path, or held, and nothing else ever happens."""

from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.constraints.random_tokens import drawn, output, text

from mimo.calls import FORMATS
from mimo.constraints.plan import checked_grammar, offered_calls
from mimo.contract.errors import InvalidRequest
from mimo.contract.models import MODELS
from mimo.contract.resolve import resolve
from mimo.tokenizers.bytes import ByteTokenizer
from mimo.types import CompleteCall, ContentDelta

TOKENIZER = ByteTokenizer()
QWEN = '<tool_call>{"name", "arguments"}</tool_call>'

words = st.sampled_from(["a", "b", "é", "null", "5", "x y", "</parameter>", '"', "a/b", "\n", "", "[1]", "True"])
scalars = st.none() | st.booleans() | st.integers(-3, 40) | words | st.sampled_from([0.5, 2.0, 1e30])
KINDS = st.sampled_from(["string", "integer", "null"])
NOTHING: dict[str, object] = {}
small = st.integers(0, 4)
leaves = st.one_of(
    st.just({}),
    st.builds(lambda kinds: {"type": kinds}, st.sampled_from(["string", "integer", "number", "boolean", "null"])),
    st.builds(lambda kinds: {"type": kinds}, st.lists(KINDS, min_size=1, max_size=2)),
    st.builds(lambda least, most: {"type": "string", "minLength": least, "maxLength": most}, small, small),
    st.builds(lambda least, most: {"type": ["string", "integer"], "minimum": least, "maximum": most}, small, small),
    st.builds(lambda pattern: {"type": "string", "pattern": pattern, "maxLength": 9},
              st.sampled_from(["^a+$", "b", "^[^a]$", "a|b", "^(x|/)", "\\d$", "(", "\\", "a$|^b", "\\$", "^\\/$"])),
    st.builds(lambda form: {"type": "string", "format": form}, st.sampled_from(["date", "email", "uuid", "no"])),
    st.builds(lambda values: {"enum": values}, st.lists(scalars, max_size=3)),
    st.builds(lambda value: {"const": value}, scalars),
    st.builds(lambda ref: {"$ref": ref}, st.sampled_from(["#", "#/$defs/d", "#/properties/a", "#/$defs/none"])),
    st.booleans(),
)  # fmt: skip


def larger(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    named = st.dictionaries(words, inner, max_size=2)
    return st.one_of(
        st.builds(lambda parts: {"anyOf": parts}, st.lists(inner, max_size=2)),
        st.builds(lambda parts: {"oneOf": parts}, st.lists(inner, max_size=2)),
        st.builds(
            lambda parts, more: {"allOf": parts, **(more if isinstance(more, dict) else NOTHING)},
            st.lists(inner, max_size=2), leaves,
        ),
        st.builds(lambda items, most: {"type": "array", "items": items, "maxItems": most}, inner, st.integers(0, 2)),
        st.builds(
            lambda parts, names, rest: {
                "type": "object", "properties": parts, "required": names, "additionalProperties": rest,
            },
            named, st.lists(words, max_size=2), st.booleans(),
        ),
    )  # fmt: skip


schemas = st.recursive(leaves, larger, max_leaves=5)
roots = st.builds(
    lambda parts, names, definition: {
        "type": "object", "properties": parts, "required": names, "additionalProperties": False,
        "$defs": {"d": definition},
    },
    st.dictionaries(words, schemas, max_size=3), st.lists(st.sampled_from(["a", "b"]), max_size=2), schemas,
)  # fmt: skip


@settings(derandomize=True, deadline=None, max_examples=250)
@given(roots, st.sampled_from([None, QWEN, "json"]), st.integers(0, 99))
def test_an_odd_schema_is_refused_by_path_or_enforced(schema: dict[str, object], form: str | None, seed: int) -> None:
    fields: dict[str, object] = {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}}
    if form != "json":
        function = {"name": "act", "parameters": schema, "strict": True}
        fields = {"tools": [{"type": "function", "function": function}], "tool_choice": "required"}
        fields["parallel_tool_calls"] = False
    try:
        params = resolve(fields, MODELS["mimo-v2-flash"]).params
        calls = offered_calls(params.tools, None if form == "json" else form, TOKENIZER)
        grammar = checked_grammar(params, params.tools, calls)
    except InvalidRequest as refused:
        assert refused.param is not None and refused.param.startswith(("tools[0].function.", "response_format."))
        return
    assert grammar is not None
    try:
        tokens = drawn(grammar, seed, params.tools, calls or FORMATS[0])
    except AssertionError as endless:
        assert "no end" in str(endless), "only what is unbounded may run on"
        return
    events = output(tokens, params.tools)
    written = [event.arguments for event in events if isinstance(event, CompleteCall)]
    if form == "json":
        written = ["".join(event.text for event in events if isinstance(event, ContentDelta))]
    assert len(written) == 1, text(tokens)
    jsonschema.Draft202012Validator(schema).validate(json.loads(written[0]))


def test_a_part_that_nothing_fits_adds_nothing_to_what_a_value_may_be() -> None:
    def grammar(part: object) -> str | None:
        function = {"name": "act", "parameters": {"properties": {"a": part}, "required": ["a"]}, "strict": True}
        params = resolve({"tools": [{"type": "function", "function": function}]}, MODELS["mimo-v2-flash"]).params
        return checked_grammar(params, params.tools, FORMATS[0])

    assert grammar({"anyOf": [False, {"enum": ["x"]}]}) == grammar({"anyOf": [{"enum": ["x"]}]})
    with pytest.raises(InvalidRequest) as refused:
        grammar({"anyOf": [False]})
    assert refused.value.param == "tools[0].function.parameters"
