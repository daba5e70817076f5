"""Claims about the work that a client's schema costs: in proportion to its length, or a 400 that names its path.

Scaling is measured by processor time, twice the input against the input, and the least of several measurements, so that
a busy machine changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from time import process_time
from typing import Any

import pytest

from mimo.calls import call_format
from mimo.constraints.grammar import answer_grammar
from mimo.contract.errors import InvalidRequest
from mimo.contract.models import MODELS
from mimo.contract.resolve import resolve

FLASH = MODELS["mimo-v2-flash"]
Fields = dict[str, Any]


def formed(schema: object) -> Fields:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}}


def tool(schema: object, strict: bool = True) -> Fields:
    return {"tools": [{"type": "function", "function": {"name": "f", "parameters": schema, "strict": strict}}]}


def parameter(schema: object, **others: object) -> Fields:
    return tool({"type": "object", "properties": {"a": schema}, **others})


def chain(size: int, link: Callable[[dict[str, str]], object]) -> dict[str, object]:
    """`size` definitions, each made of the next one."""
    links = {f"d{at}": link({"$ref": f"#/$defs/d{at + 1}"}) for at in range(size)}
    return {**links, f"d{size}": {"type": "null"}}


def chained(size: int) -> Fields:
    return parameter({"$ref": "#/$defs/d0"}, **{"$defs": chain(size, lambda ref: ref)})


def unions(size: int) -> Fields:
    return parameter({"$ref": "#/$defs/d0"}, **{"$defs": chain(size, lambda ref: {"anyOf": [ref, {"type": "string"}]})})


def crossing(size: int) -> Fields:
    """Everything needs everything, and one after the other turns out to end."""
    ends = chain(size, lambda ref: {"type": "object", "required": ["a"], "properties": {"a": ref}})
    return formed({"allOf": [{"$ref": f"#/$defs/d{at}"} for at in range(size)], "$defs": ends})


def nested(size: int) -> Fields:
    schema: object = {"type": "string"}
    for _ in range(50):
        schema = {"anyOf": [schema, *[{"type": "string"}] * (size // 50)]}
    return parameter(schema)


SHAPES: list[tuple[Callable[[int], Fields], int]] = [
    (lambda size: formed({"$ref": "#/$defs/d0", "$defs": chain(size, lambda ref: ref)}), 800),
    (chained, 800),
    (unions, 500),
    (crossing, 500),
    (nested, 1000),
    (lambda size: formed({"enum": [f"v{at}" for at in range(size)]}), 5000),
    (lambda size: parameter({"enum": [f"v{at}" for at in range(size)]}), 3000),
    (lambda size: parameter({"enum": ["same"] * size}), 5000),
    (lambda size: parameter({"enum": list(range(size))}), 5000),
    (lambda size: parameter({"anyOf": [{"type": "string"}] * size}), 1000),
    (lambda size: parameter({"type": ["string"] * size}), 5000),
    (lambda size: parameter({"type": "string", "pattern": r"\d/" * size}), 5000),
    (lambda size: parameter({"type": "string", "pattern": "\\" * 2 * size + "$"}), 5000),
    (lambda size: parameter({"const": [["v"]] * size}), 3000),
    (lambda size: tool({"type": "object", "properties": {f"p{at}": {"type": "string"} for at in range(size)}}), 700),
    (lambda size: tool({"type": "object", "required": ["a"] * size}), 5000),
    (lambda size: tool({"$defs": chain(size, lambda ref: ref)}, False), 1000),
    (lambda size: {"tools": [{"type": "function", "function": {"name": f"f{at}"}} for at in range(size)]}, 50_000),
    (lambda size: {"logit_bias": {str(at): 1 for at in range(size)}}, 10_000),
    (lambda size: {"stop": ["x" * size] * 4}, 500_000),
    (lambda size: {f"tempera{at}": 1 for at in range(size)}, 20_000),
]  # fmt: skip


def seconds(fields: Fields) -> float:
    """The processor time to check `fields` and to write their grammar."""
    start = process_time()
    try:
        params = resolve(fields, FLASH).params
        answer_grammar(params.tools, params.tool_choice, params.json_format, call_format(None))
    except InvalidRequest:
        pass
    return process_time() - start


@pytest.mark.parametrize(("shape", "size"), SHAPES)
def test_twice_the_request_costs_twice_the_time(shape: Callable[[int], Fields], size: int) -> None:
    once, twice = shape(size), shape(2 * size)
    short = long = float("inf")
    for _ in range(12):  # the least time is the truest; one good pair is enough
        short, long = min(short, seconds(once)), min(long, seconds(twice))
        if long < 3 * max(short, 0.001):
            return
    raise AssertionError(f"{long / short:.1f} times the time")  # 4 and more where it is quadratic


def test_references_that_double_at_every_step_are_looked_at_once() -> None:
    doubling = chain(200, lambda ref: {"anyOf": [ref, ref, {"type": "string", "maxLength": 3}]})
    assert seconds(parameter({"$ref": "#/$defs/d0"}, **{"$defs": doubling})) < 1


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    "schema",
    [
        {"x-a": {"type": 5}, "properties": {"a": {"$ref": "#/x-a"}}},
        {"x-a": {"required": 3}, "properties": {"a": {"$ref": "#/x-a"}}},
        {"properties": {"a": {"enum": [{"allOf": 3}]}, "b": {"$ref": "#/properties/a/enum/0"}}},
    ],
)
def test_what_a_reference_leads_to_is_checked_as_a_schema_wherever_it_lies(schema: object, strict: bool) -> None:
    with pytest.raises(InvalidRequest) as refused:
        resolve(tool(schema, strict), FLASH)
    assert refused.value.param is not None and refused.value.param.startswith("tools[0].function.parameters.")


def test_arguments_described_two_references_away_are_found() -> None:
    schema = {
        "$ref": "#/$defs/a",
        "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"type": "object", "properties": {"city": {"type": "string"}}}},
    }
    params = resolve(tool(schema), FLASH).params
    grammar = answer_grammar(params.tools, params.tool_choice, params.json_format, call_format(None))
    assert grammar is not None and "<parameter=city>" in grammar


def test_a_value_nested_too_deep_where_it_constrains_is_refused_by_its_path() -> None:
    deep: object = 1
    for _ in range(400):
        deep = [deep]
    with pytest.raises(InvalidRequest, match="nested at most 256 deep") as refused:
        resolve(parameter({"const": deep}), FLASH)
    assert refused.value.param == "tools[0].function.parameters"


def test_a_grammar_that_repeats_large_parts_is_refused_by_its_path() -> None:
    schema = {
        "type": "object",
        "properties": {f"p{at}": {"$ref": "#/$defs/x"} for at in range(2000)},
        "$defs": {"x": {"enum": [f"v{at}" for at in range(2000)]}},
    }
    params = resolve(tool(schema), FLASH).params
    with pytest.raises(InvalidRequest, match="longer than") as refused:
        answer_grammar(params.tools, params.tool_choice, params.json_format, call_format(None))
    assert refused.value.param == "tools[0].function.parameters"
