"""The body of POST /v1/messages → a `ChatRequest`: Anthropic's fields become those of the parameters table.

    bytes → JSON object → model → system and messages → fields under our names → parameters

An error names Anthropic's field. Knows the wire's field names; knows no engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from mimo.api.body import decode_object
from mimo.api.policy import Policy
from mimo.api.protocols.anthropic_messages.messages import read_messages, read_system
from mimo.api.protocols.fields import (
    EVERYWHERE,
    Decoded,
    reasoning_notices,
    refuse_ignored,
    requested_model,
    resolve_fields,
)
from mimo.api.protocols.schema import OBJECT, STRING, function_name
from mimo.api.protocols.shapes import (
    FLAG,
    Array,
    Constant,
    LeftOut,
    Object,
    OneOf,
    Optional,
    Passed,
    Reading,
    Shape,
    Unused,
)
from mimo.contract.checks import refuse
from mimo.contract.errors import InvalidRequest
from mimo.contract.models import Model
from mimo.contract.parameters import PARAMETERS
from mimo.contract.request import ChatRequest
from mimo.contract.rows import Parameter
from mimo.contract.tools import Bounds, tools
from mimo.contract.unknown import unknown_members

FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "max_tokens": "max_completion_tokens",
        "stop_sequences": "stop",
        "tools": "tools",
        "tool_choice": "tool_choice",
        **EVERYWHERE,
    }
)
"""Anthropic's fields, and those of ours beyond them, by the row of the parameters table that each one is."""

OTHER_FIELDS = ("model", "messages", "system", "output_config", "metadata", "service_tier")
"""Known fields that are no parameters; the last two are accepted and unused."""
KNOWN: Mapping[str, object] = {name: {} for name in (*FIELDS, *OTHER_FIELDS)}
COUNTED = ("model", "messages", "system", "thinking", "output_config", "tools", "tool_choice")
"""What a count looks at."""

WIRE_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "max_completion_tokens": "max_tokens",
        "stop": "stop_sequences",
        "tools[].function.parameters": "tools[].input_schema",
        "tools[].function": "tools[]",
        "tool_choice.function": "tool_choice",
        "response_format.json_schema": "output_config.format",
        "response_format": "output_config.format",
        "reasoning_effort": "output_config.effort",
        "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
    }
)
"""Paths of ours by Anthropic's names."""

BOUNDS = Bounds(most=1024, longest=128, nulls=True)
"""Anthropic states no number of tools; this one is ours."""
ROWS: Mapping[str, Parameter] = MappingProxyType(
    {"tools": replace(PARAMETERS["tools"], read=lambda row, value, path: tools(value, path, BOUNDS))}
)
"""Rows of the table whose bounds are this API's."""
_LIKE = 'an object like {"type": "json_schema", "schema": …}'


class _Format(Object):
    """`output_config.format`, where there is one form only."""

    def read(self, value: object, path: str, reading: Reading) -> object:
        if not isinstance(value, dict) or value.get("type") != "json_schema":
            refuse(path, _LIKE, value)
        return Object.read(self, value, path, reading)


def _tool(tool: dict[str, Any], path: str, reading: Reading) -> object:
    function = {name: tool[name] for name in ("name", "description", "strict")}
    return {"type": "function", "function": {**function, "parameters": tool["input_schema"]}}


def _choice(kind: str, ours: str) -> Object:
    return Object(
        {"type": Constant(kind), "disable_parallel_tool_use": Optional(FLAG)},
        build=lambda choice, path, reading: (ours, not choice["disable_parallel_tool_use"]),
    )


def _named(choice: dict[str, Any], path: str, reading: Reading) -> tuple[object, bool]:
    named = {"type": "function", "function": {"name": choice["name"]}}
    return named, not choice["disable_parallel_tool_use"]


_TOOL = Object(
    {
        "type": Unused(),
        "name": Passed(function_name(BOUNDS)),
        "description": Passed(STRING, required=False),
        "input_schema": Passed(OBJECT, needed="a JSON Schema of type object"),
        "strict": Passed({"type": "boolean"}, required=False),
        "cache_control": Unused(),
    },
    build=_tool,
)
_CHOICES = {
    "auto": _choice("auto", "auto"),
    "any": _choice("any", "required"),
    "tool": Object(
        {"type": Constant("tool"), "name": Passed(STRING), "disable_parallel_tool_use": Optional(FLAG)}, build=_named
    ),
    "none": _choice("none", "none"),
}
SHAPES: Mapping[str, Shape[Any]] = MappingProxyType(
    {
        "tools": Array(
            OneOf(
                "type",
                {"custom": _TOOL},
                "an object with name and input_schema",
                lambda _: "custom: only tools of your own can be called",
                lambda _: "custom",
                LeftOut(),  # web_search_20250305 and others: they run on Anthropic's servers, or its models know them
            ),
            "an array of function tools",
            most=BOUNDS.most,
        ),
        "tool_choice": OneOf("type", _CHOICES, 'an object like {"type": "auto"}'),
        "output_config": Object(
            {
                "effort": Passed(PARAMETERS["reasoning_effort"].schema(), required=False),
                "format": Optional(
                    _Format(
                        {"type": Constant("json_schema"), "schema": Passed(OBJECT)},
                        _LIKE,
                        lambda form, path, reading: {"type": "json_schema", "json_schema": {"schema": form["schema"]}},
                    )
                ),
            }
        ),
    }
)
"""The fields whose form is Anthropic's own, read to the form of the table."""


def decode(body: bytes, models: Mapping[str, Model], policy: Policy) -> Decoded[ChatRequest]:
    """Check everything that can be checked without an engine. Raises `InvalidRequest`, `NotFound` for the model."""
    return _decoded(decode_object(body), models, policy)


def decode_count(body: bytes, models: Mapping[str, Model], policy: Policy) -> Decoded[ChatRequest]:
    """As `decode`, for a request to count tokens: what does not change the prompt is left out of sight."""
    fields = decode_object(body)
    return _decoded({name: fields[name] for name in COUNTED if name in fields}, models, policy)


def _decoded(fields: dict[str, object], models: Mapping[str, Model], policy: Policy) -> Decoded[ChatRequest]:
    model = requested_model(fields, models)
    reading = Reading(model, policy.media_urls)
    reading.ignored += unknown_members(fields, KNOWN, strict=policy.strict)
    conversation = read_messages(fields.get("messages"), reading)
    messages = (*read_system(fields.get("system"), reading), *conversation)
    continues = conversation[-1].role == "assistant"
    ours = _ours(fields, reading)
    names = _without_left_out(ours)
    if continues:
        ours["thinking"] = _no_thinking(ours.get("thinking"))
    refuse_ignored(reading.ignored, policy)
    params = resolve_fields(ours, reading, policy, {**names, **WIRE_NAMES}, ROWS)
    request = ChatRequest(model, params, messages, continues)
    notices = (*reading.notices, *reasoning_notices(reading.missing_reasoning, params, policy))
    return Decoded(request, tuple(reading.ignored), notices)


def _ours(fields: Mapping[str, object], reading: Reading) -> dict[str, object]:
    """The fields of the parameters table, in the form that it knows."""
    given: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    given |= {name: shape.read(given[name], name, reading) for name, shape in SHAPES.items() if name in given}
    ours = {row: given[name] for name, row in FIELDS.items() if name in given}
    most_tokens, asked = reading.model.max_completion_tokens, given.get("max_tokens")
    if isinstance(asked, int) and asked > most_tokens:  # required, so that clients fill in the most of another model
        ours["max_completion_tokens"] = most_tokens
        reading.notices.append(f"max_tokens is {most_tokens}, the most that {reading.model.id} takes")
    if "stop" in ours and not isinstance(ours["stop"], list):
        most = reading.model.parameters["stop"].repeats
        refuse("stop_sequences", f"an array of 1 to {most} non-empty strings", ours["stop"])
    if "tool_choice" in ours:
        ours["tool_choice"], ours["parallel_tool_calls"] = given["tool_choice"]
    if "output_config" in given:
        ours["response_format"] = given["output_config"]["format"]
        if "thinking" not in ours:  # which decides by itself whether there is any
            ours["reasoning_effort"] = given["output_config"]["effort"]
    return ours


def _without_left_out(ours: dict[str, object]) -> dict[str, str]:
    """Take out the tools that were left out. Gives the paths of the others, as they now are, by the client's names."""
    tools = ours.get("tools")
    if not isinstance(tools, list) or None not in tools:
        return {}
    kept = [at for at, tool in enumerate(tools) if tool is not None]
    ours["tools"] = [tools[at] for at in kept]
    parameters = {f"tools[{new}].function.parameters": f"tools[{at}].input_schema" for new, at in enumerate(kept)}
    return parameters | {f"tools[{new}].function": f"tools[{at}]" for new, at in enumerate(kept)}


def _no_thinking(given: object) -> object:
    """Thinking is off where an answer is continued: it has begun. What is no switch is left for the table to refuse."""
    if isinstance(given, dict) and given.get("type") == "enabled":
        words = "must be disabled where the last message is an assistant's: its answer has begun"
        raise InvalidRequest(f"thinking {words}", param="thinking")
    chosen_by_the_model = isinstance(given, dict) and given.get("type") == "adaptive"
    return {"type": "disabled"} if given is None or chosen_by_the_model else given
