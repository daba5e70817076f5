"""Claims about `tools`, `tool_choice`, `parallel_tool_calls` and `response_format`: a bad one is named by its path."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimo.contract.errors import InvalidRequest
from mimo.contract.json_schema.schema import MAX_DEPTH, MAX_TEXT
from mimo.contract.models import MODELS
from mimo.contract.request import Params
from mimo.contract.resolve import resolve
from mimo.types import JsonFormat, NamedTool, Tool

FLASH = MODELS["mimo-v2-flash"]


def tool(name: object = "get_weather", **function: object) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **function}}


def params(**fields: object) -> Params:
    return resolve(fields, FLASH).params


def refusal(**fields: object) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as refused:
        resolve(fields, FLASH)
    assert refused.value.status == 400 and refused.value.param is not None
    assert refused.value.message.startswith(refused.value.param.rsplit(".", 1)[0])
    return refused.value


def schema_refusal(schema: object, strict: bool = True) -> InvalidRequest:
    return refusal(tools=[tool(parameters=schema, strict=strict)])


def test_function_tools_are_taken_whole() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    found = params(tools=[tool(description="D", parameters=schema, strict=True), tool("a.b-c_9")])
    assert found.tools == (Tool("get_weather", "D", schema, True, True), Tool("a.b-c_9", "", {}, False))
    assert (found.tool_choice, found.parallel_tool_calls, found.json_format) == ("auto", True, None)
    nothing = tool(description=None, parameters=None, strict=None)
    assert params(tools=[nothing]).tools == (Tool("get_weather", "", {}, False),)
    assert len(params(tools=[tool(f"f{at}") for at in range(128)]).tools) == 128


@pytest.mark.parametrize(
    ("tools", "where"),
    [
        ("get_weather", "tools"),
        ({"type": "function"}, "tools"),
        ([tool(), "x"], "tools[1]"),
        ([{"function": {"name": "f"}}], "tools[0].type"),
        ([{"type": "web_search"}], "tools[0].type"),
        ([{"type": "function"}], "tools[0].function"),
        ([{"type": "function", "function": []}], "tools[0].function"),
        ([tool(None)], "tools[0].function.name"),
        ([tool("get weather")], "tools[0].function.name"),
        ([tool("")], "tools[0].function.name"),
        ([tool("é")], "tools[0].function.name"),
        ([tool("x" * 65)], "tools[0].function.name"),
        ([tool("f\n")], "tools[0].function.name"),
        ([tool(description=3)], "tools[0].function.description"),
        ([tool(strict="yes")], "tools[0].function.strict"),
        ([tool("a"), tool("b"), tool("a")], "tools[2].function.name"),
        ([tool(), tool("b", parameters="{}")], "tools[1].function.parameters"),
        ([tool(parameters=[])], "tools[0].function.parameters"),
        ([tool(parameters=True)], "tools[0].function.parameters"),
        ([tool(parameters={"type": "string"})], "tools[0].function.parameters.type"),
        ([tool(parameters={"type": "text"})], "tools[0].function.parameters.type"),
        ([tool(parameters={"properties": []})], "tools[0].function.parameters.properties"),
        ([tool(parameters={"properties": {"a": "string"}})], "tools[0].function.parameters.properties.a"),
        ([tool(parameters={"properties": {"a": {"type": 1}}})], "tools[0].function.parameters.properties.a.type"),
        ([tool(parameters={"properties": {"a": {"items": [{}]}}})], "tools[0].function.parameters.properties.a.items"),
        ([tool(parameters={"anyOf": {}})], "tools[0].function.parameters.anyOf"),
        ([tool(parameters={"anyOf": [1]})], "tools[0].function.parameters.anyOf[0]"),
        ([tool(parameters={"required": "a"})], "tools[0].function.parameters.required"),
        ([tool(parameters={"$ref": "#/$defs/no"})], "tools[0].function.parameters.$ref"),
        ([tool(parameters={"$ref": "http://a/b"})], "tools[0].function.parameters.$ref"),
        ([tool(parameters={"$ref": "#/type", "type": "object"})], "tools[0].function.parameters.$ref"),
    ],
)
def test_a_bad_tool_is_refused_by_its_path(tools: object, where: str) -> None:
    assert refusal(tools=tools).param == where


def test_more_than_128_tools_are_refused_with_their_number() -> None:
    error = refusal(tools=[tool(f"f{at}") for at in range(200)])
    assert error.param == "tools" and "128" in error.message and "200" in error.message


def test_a_schema_nested_too_deep_is_refused() -> None:
    deep: dict[str, Any] = {"type": "object"}
    for _ in range(MAX_DEPTH + 1):
        deep = {"type": "object", "properties": {"a": deep}}
    assert "nested" in schema_refusal(deep, strict=False).message


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("not", {}), ("if", {}), ("then", {}), ("uniqueItems", True), ("contains", {}), ("propertyNames", {}),
        ("dependentRequired", {}), ("unevaluatedProperties", False), ("$dynamicRef", "#a"), ("nullable", True),
        ("maxlength", 3),
    ],
)  # fmt: skip
def test_a_keyword_that_cannot_be_enforced_is_refused_where_the_schema_constrains_and_only_there(
    keyword: str, value: object
) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": {keyword: value}}}}
    where = f"tools[0].function.parameters.properties.a.items.{keyword}"
    error = schema_refusal(schema)
    assert error.param == where and keyword in error.message
    given_ = [tool(parameters=schema)]
    for choice in ("required", tool()):  # not strict: followed as far as it can be, and reported
        assert resolve({"tools": given_, "tool_choice": choice}, FLASH).ignored == (where,)
        with pytest.raises(InvalidRequest) as refused:
            resolve({"tools": given_, "tool_choice": choice}, FLASH, strict=True)
        assert refused.value.param == where
    assert params(tools=given_).tools and params(tools=given_, tool_choice="none").tools
    other = [*given_, tool("other")]
    assert params(tools=other, tool_choice=tool("other")).tool_choice == NamedTool("other")
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": {keyword: value}}}
    assert refusal(response_format=form).param == f"response_format.json_schema.schema.{keyword}"


def test_a_format_that_is_not_known_is_refused_with_those_that_are() -> None:
    error = schema_refusal({"properties": {"a": {"type": "string", "format": "iban"}}})
    assert error.param == "tools[0].function.parameters.properties.a.format" and "date-time" in error.message


@pytest.mark.parametrize(
    "definitions",
    [
        {"a": {"$ref": "#/$defs/a"}},
        {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}},
        {"a": {"type": "object", "properties": {"next": {"$ref": "#/$defs/a"}}, "required": ["next"]}},
        {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}, "minItems": 1}},
        {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}},
    ],
)
def test_a_reference_that_never_ends_is_refused(definitions: dict[str, Any]) -> None:
    error = schema_refusal({"properties": {"x": {"$ref": "#/$defs/a"}}, "$defs": definitions})
    assert error.param is not None and error.param.endswith("$ref") and error.param.startswith("tools[0].function.")
    assert "end" in error.message


def test_a_reference_that_can_end_is_taken() -> None:
    tree = {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}}
    assert params(tools=[tool(strict=True, parameters={"properties": {"x": {"$ref": "#/$defs/tree"}},
                                                        "$defs": {"tree": tree}})]).tools  # fmt: skip
    maybe = {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/maybe"}]}
    form = {"type": "json_schema", "json_schema": {"schema": {"$ref": "#/$defs/maybe", "$defs": {"maybe": maybe}}}}
    assert params(response_format=form).json_format is not None


def test_a_constraining_schema_has_a_largest_size() -> None:
    assert "characters" in schema_refusal({"properties": {"a": {"enum": ["x" * MAX_TEXT]}}}).message
    for fill in ({"d": "x"}, {"d": [1, {}, []]}, {"d": [[[["x"]]]], "e": [True, None]}, {"d" * 9: {"a": {}}}):
        schema: dict[str, Any] = {"properties": {"a": {"default": [fill] * 2000}}, "title": ""}
        schema["title"] = "t" * (MAX_TEXT - len(json.dumps(schema)))
        assert params(tools=[tool(parameters=schema, strict=True)])
        schema["title"] += "t"
        assert "characters" in schema_refusal(schema).message


def test_a_choice_needs_tools_and_names_one_of_them() -> None:
    assert refusal(tool_choice="required").param == "tool_choice"
    assert refusal(tool_choice=tool(), tools=[]).param == "tool_choice"
    assert refusal(tool_choice=tool("b"), tools=[tool("a")]).param == "tool_choice.function.name"
    for bad, where in (
        ("any", "tool_choice"), (3, "tool_choice"), ({"type": "auto"}, "tool_choice.type"),
        ({"type": "function"}, "tool_choice.function"), (tool(None), "tool_choice.function.name"),
    ):  # fmt: skip
        assert refusal(tool_choice=bad, tools=[tool("a")]).param == where
    assert params(tool_choice=tool("a"), tools=[tool("a")]).tool_choice == NamedTool("a")
    for word in ("auto", "none", "required"):
        assert params(tool_choice=word, tools=[tool()]).tool_choice == word
    assert params(parallel_tool_calls=False, tools=[tool()]).parallel_tool_calls is False


def test_auto_and_none_without_tools_ask_for_nothing() -> None:
    for word in ("auto", "none"):
        assert params(tool_choice=word, parallel_tool_calls=False, seed=1) == params(seed=1)


def test_the_forms_of_an_answer() -> None:
    assert params(response_format={"type": "text"}).json_format is None
    assert params(response_format={"type": "json_object"}).json_format == JsonFormat()
    held = {"name": "n", "schema": {"type": "object"}, "strict": True, "description": None}
    assert params(response_format={"type": "json_schema", "json_schema": held}).json_format == JsonFormat(
        {"type": "object"}, "n"
    )


@pytest.mark.parametrize(
    "part",
    [
        {"type": "integer", "format": "int32"}, {"type": "number", "format": "double"},
        {"type": "array", "items": {"type": "string"}, "uniqueItems": False}, {"type": "string", "nullable": False},
        {"type": "string", "example": "x"}, {"anyOf": [{"type": "object"}], "discriminator": {"propertyName": "k"}},
    ],
)  # fmt: skip
def test_annotations_of_other_dialects_pass_wherever_a_schema_is_followed(part: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": {"a": part}}
    for fields in (
        {"tools": [tool(parameters=schema, strict=True)]},
        {"tools": [tool(parameters=schema)], "tool_choice": "required"},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}},
    ):
        assert resolve(fields, FLASH, strict=True).ignored == ()


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ({"type": "array", "items": {"type": "integer"}, "uniqueItems": True}, "uniqueItems"),  # set[int]
        ({"type": "string", "pattern": r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"}, "pattern"),  # pydantic's Decimal
        ({"type": "string", "format": "iban"}, "format"), ({"type": "string", "nullable": True}, "nullable"),
        ({"type": "object", "propertyNames": {"pattern": "^a"}}, "propertyNames"),
        ({"type": "integer", "maximum": 2**60 + 1}, "maximum"),
        ({"type": "array", "items": {"not": {}}}, "items.not"),
    ],
)  # fmt: skip
def test_a_forced_call_is_constrained_as_far_as_can_be_and_the_rest_reported(part: dict[str, Any], path: str) -> None:
    schema = {"type": "object", "properties": {"a": part}}
    found = resolve({"tools": [tool(parameters=schema)], "tool_choice": "required"}, FLASH)
    assert found.ignored == (f"tools[0].function.parameters.properties.a.{path}",)
    (one,) = found.params.tools
    assert one.enforced and one.parameters == schema and path.split(".")[-1] not in str(one.rules)


def test_a_schema_of_json_object_is_followed() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    form = {"type": "json_object", "schema": schema}
    found = resolve({"response_format": form}, FLASH, strict=True)
    assert found.params.json_format == JsonFormat(schema) and found.ignored == ()
    bad = {"type": "json_object", "schema": {"not": {}}}
    assert refusal(response_format=bad).param == "response_format.schema.not"
    assert refusal(response_format={"type": "json_object", "schema": 3}).param == "response_format.schema"


@pytest.mark.parametrize("number", [2**53, -(2**53), 0, 1.5, 0.1, 1e-7, 1e22, 123456.789])
@pytest.mark.parametrize("inside", [lambda number: {"const": number}, lambda number: {"enum": [1, {"a": [number]}]}])
def test_a_number_that_the_grammar_keeps_is_taken(number: float, inside: Any) -> None:
    form = {"type": "json_schema", "json_schema": {"schema": {"properties": {"n": inside(number)}}}}
    assert params(response_format=form).json_format


@pytest.mark.parametrize("number", [2**53 + 1, 1234567890123456789, 2**64, -(10**30), 1e300, 123456789.12345679])
@pytest.mark.parametrize("keyword", ["const", "enum", "minimum", "maximum", "exclusiveMaximum", "multipleOf"])
def test_a_number_of_which_the_grammar_would_make_another_is_refused_by_path(number: float, keyword: str) -> None:
    value = [1, {"a": [number]}] if keyword == "enum" else number
    schema = {"type": "object", "properties": {"n": {keyword: value}}}
    form = {"type": "json_schema", "json_schema": {"schema": schema}}
    assert refusal(response_format=form).param == f"response_format.json_schema.schema.properties.n.{keyword}"
    strict = tool(parameters=schema, strict=True)
    assert refusal(tools=[strict]).param == f"tools[0].function.parameters.properties.n.{keyword}"
    assert params(tools=[tool(parameters=schema)]).tools  # nothing holds it there


@pytest.mark.parametrize(
    ("form", "where"),
    [
        ("json_object", "response_format"), ({}, "response_format.type"), ({"type": "xml"}, "response_format.type"),
        ({"type": "json_schema"}, "response_format.json_schema"),
        ({"type": "json_schema", "json_schema": {"name": "n"}}, "response_format.json_schema.schema"),
        ({"type": "json_schema", "json_schema": {"schema": True}}, "response_format.json_schema.schema"),
        ({"type": "json_schema", "json_schema": {"schema": {}, "name": "a b"}}, "response_format.json_schema.name"),
        ({"type": "json_schema", "json_schema": {"schema": {}, "strict": 1}}, "response_format.json_schema.strict"),
    ],
)  # fmt: skip
def test_a_bad_form_is_refused_by_its_path(form: object, where: str) -> None:
    assert refusal(response_format=form).param == where


def test_unknown_fields_of_a_tool_are_reported_by_their_path() -> None:
    fields = {"tools": [{**tool(), "cache": 1}, tool("b", returns={})]}
    assert resolve(fields, FLASH).ignored == ("tools[0].cache", "tools[1].function.returns")
    with pytest.raises(InvalidRequest) as refused:
        resolve(fields, FLASH, strict=True)
    assert refused.value.param == "tools[0].cache"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
keywords = st.sampled_from([
    "type", "properties", "required", "items", "anyOf", "allOf", "$ref", "$defs", "enum", "const",
    "additionalProperties", "minItems", "format", "x",
])  # fmt: skip
REFS = st.sampled_from(["#", "#/$defs/a"])
schema_like = st.recursive(
    json_values | st.sampled_from(["#", "#/$defs/a", "object", "string", "date", ["string", "null"]]),
    lambda inner: st.dictionaries(keywords, inner, max_size=4) | st.lists(inner, max_size=3)
    | st.fixed_dictionaries({"$ref": REFS, "$defs": st.fixed_dictionaries({"a": inner})}),
    max_leaves=12,
)  # fmt: skip
tool_like = st.fixed_dictionaries(
    {"type": st.just("function")},
    optional={"function": st.fixed_dictionaries(
        {}, optional={"name": st.sampled_from(["f", "g h", "g"]) | json_values, "parameters": schema_like,
                      "description": json_values, "strict": st.booleans() | json_values}
    )},
)  # fmt: skip


@settings(derandomize=True, deadline=None, max_examples=400)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "tools": st.lists(tool_like | json_values, max_size=3) | json_values,
            "tool_choice": st.sampled_from(["auto", "required", tool("f")]) | json_values,
            "response_format": st.fixed_dictionaries(
                {"type": st.sampled_from(["json_schema", "text"])},
                optional={"json_schema": st.fixed_dictionaries({}, optional={"schema": schema_like})},
            ) | json_values,
        },
    )
)  # fmt: skip
def test_any_json_gives_params_or_a_named_refusal(fields: dict[str, object]) -> None:
    try:
        assert isinstance(resolve(fields, FLASH).params, Params)
    except InvalidRequest as error:
        assert error.param is not None and len(error.message) < 800
        error.message.encode()
