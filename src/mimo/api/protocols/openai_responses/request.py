"""The body of POST /v1/responses → a `ChatRequest`: this API's fields become those of the parameters table.

    bytes → JSON object → model → instructions and input → fields under our names → parameters

Nothing is stored: what would need it is refused by name. An error names the client's field. Knows no engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from msgspec import field

from mimo.api.body import decode_object
from mimo.api.policy import Policy
from mimo.api.protocols.fields import (
    EVERYWHERE,
    Decoded,
    reasoning_notices,
    refuse_ignored,
    requested_model,
    resolve_fields,
)
from mimo.api.protocols.openai_responses.messages import read_input
from mimo.api.protocols.openai_responses.tools import CHOICE, TOOL, Tools
from mimo.api.protocols.schema import OBJECT, array
from mimo.api.protocols.shapes import Array, Checked, Object, Passed, Reading, Shape, Text
from mimo.contract import checks
from mimo.contract.errors import InvalidRequest, UnsupportedParameter, shown
from mimo.contract.models import Model
from mimo.contract.parameters import PARAMETERS
from mimo.contract.request import ChatRequest
from mimo.contract.tools import OPENAI
from mimo.contract.unknown import unknown_members
from mimo.types import Message

FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "max_output_tokens": "max_completion_tokens",
        "tools": "tools",
        "tool_choice": "tool_choice",
        "parallel_tool_calls": "parallel_tool_calls",
        "top_logprobs": "top_logprobs",
        "stop": "stop",
        **EVERYWHERE,
    }
)
"""This API's fields, and those of ours beyond them, by the row of the parameters table that each one is."""

UNUSED = (
    "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
    "stream_options", "client_metadata",
)  # fmt: skip
"""Accepted and unused: nothing is stored, and there is one tier."""

STORED = ("previous_response_id", "conversation", "prompt", "background", "context_management")
"""Fields that need a memory or tools of the server's own, and are refused."""

OTHER_FIELDS = (
    "model",
    "max_tool_calls",
    "input",
    "instructions",
    "reasoning",
    "text",
    "include",
    "truncation",
    *UNUSED,
    *STORED,
)

KNOWN: Mapping[str, object] = {name: {} for name in (*FIELDS, *OTHER_FIELDS)}

WIRE_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "max_completion_tokens": "max_output_tokens",
        "tools[].function": "tools[]",
        "tool_choice.function": "tool_choice",
        "response_format.json_schema": "text.format",
        "response_format": "text.format",
        "reasoning_effort": "reasoning.effort",
        "messages": "input",
    }
)
"""Paths of ours by this API's names."""

_LOGPROBS = "message.output_text.logprobs"
_INCLUDED = (_LOGPROBS, "reasoning.encrypted_content")


class ResponsesRequest(Decoded[ChatRequest], frozen=True):
    """The request, and the client's fields and tools, of which the response repeats some."""

    fields: Mapping[str, object] = field(default_factory=dict)
    tools: Tools = field(default_factory=lambda: Tools([]))


_MOST_CALLS = Checked(lambda value, path: checks.integer(value, path, 0, 2**31), {"type": "integer", "minimum": 0})
"""Of tools of the server's own, of which there are none: any limit is kept."""
SHAPES: Mapping[str, Shape[Any]] = MappingProxyType(
    {
        "tools": Passed(array(TOOL, 0, OPENAI.most)),  # read by `Tools`, with those of the input
        "tool_choice": Passed(CHOICE),
        "reasoning": Object({"effort": Passed(PARAMETERS["reasoning_effort"].schema(), required=False)}),
        "text": Object({"format": Passed(OBJECT, required=False)}),
        "include": Array(Text(), "an array of strings"),
        "instructions": Text(),
        "max_tool_calls": _MOST_CALLS,
    }
)
"""The fields whose form is this API's own, read to the form of the table."""


def decode(body: bytes, models: Mapping[str, Model], policy: Policy) -> ResponsesRequest:
    """Check everything that can be checked without an engine. Raises `InvalidRequest`, `NotFound` for the model."""
    fields = decode_object(body)
    model = requested_model(fields, models)
    _refuse_memory(fields)
    reading = Reading(model, policy.media_urls)
    reading.ignored += unknown_members(fields, KNOWN, strict=policy.strict)
    messages = read_input(fields.get("input"), reading)
    given: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    given |= {name: shape.read(given[name], name, reading) for name, shape in SHAPES.items() if name in given}
    if "instructions" in given:
        messages = (Message("system", given["instructions"]), *messages)
    ours = _ours(given, reading)
    tools = _tools(ours, reading)
    refuse_ignored(reading.ignored, policy)
    names = {**tools.names(), **WIRE_NAMES}
    params = resolve_fields(ours, reading, policy, names)
    notices = tuple(reasoning_notices(reading.missing_reasoning, params, policy))
    del fields["input"]  # read; with media in it, too large to keep until the answer has ended
    request = ChatRequest(model, params, messages)
    return ResponsesRequest(request, tuple(reading.ignored), notices, names, fields, tools)


def _refuse_memory(fields: Mapping[str, object]) -> None:
    for name in STORED:
        if fields.get(name) not in (None, False):
            words = f"{name} is not supported: nothing is stored between requests; send the whole conversation as input"
            raise UnsupportedParameter(words, param=name)
    if fields.get("truncation") not in (None, "disabled"):
        words = f"truncation must be disabled: a prompt is never cut, got {shown(fields['truncation'])}"
        raise UnsupportedParameter(words, param="truncation")


def _ours(given: Mapping[str, Any], reading: Reading) -> dict[str, object]:
    """The fields of the parameters table, in the form that it knows."""
    ours = {row: given[name] for name, row in FIELDS.items() if name in given}
    if (effort := given.get("reasoning", {}).get("effort")) is not None:
        ours["reasoning_effort"] = effort
    if (form := given.get("text", {}).get("format")) is not None:
        ours["response_format"] = _format(form)
    included = given.get("include", ())
    reading.ignored += [f"include[{at}]" for at, item in enumerate(included) if item not in _INCLUDED]
    if _LOGPROBS in included:
        ours["logprobs"] = True
    elif ours.get("top_logprobs"):
        raise InvalidRequest(f"top_logprobs needs {_LOGPROBS} in include", param="top_logprobs")
    return ours


def _tools(ours: dict[str, object], reading: Reading) -> Tools:
    """The tools of the request and of its input, put where the table looks for them."""
    tools = Tools(reading.ignored)
    if "tools" in ours:
        tools.add(ours["tools"], "tools")
    for value, path in reading.tools:
        tools.add(value, path)
    if "tool_choice" in ours:
        ours["tool_choice"] = tools.choice(ours["tool_choice"])
    if tools.functions or "tools" in ours:
        ours["tools"] = tools.functions
    return tools


def _format(form: object) -> object:
    if not isinstance(form, dict) or form.get("type") != "json_schema":
        return form
    return {"type": "json_schema", "json_schema": {name: form[name] for name in form if name != "type"}}
