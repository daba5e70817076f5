"""The body of POST /v1/responses → a `ChatRequest`: this API's fields become those of the parameters table.

    bytes → JSON object → model → instructions and input → fields under our names → parameters

Nothing is stored: what would need it is refused by name. An error names the client's field. Knows no engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from mimo.api.body import decode_object
from mimo.api.policy import Policy
from mimo.api.protocols.fields import (
    EVERYWHERE,
    Decoded,
    reasoning_notices,
    refuse_ignored,
    requested_model,
    wire_names,
)
from mimo.api.protocols.openai_responses.messages import Reader
from mimo.api.protocols.parts import MediaParts
from mimo.contract.checks import refuse
from mimo.contract.errors import InvalidRequest, UnsupportedParameter, shown
from mimo.contract.models import Model
from mimo.contract.request import ChatRequest
from mimo.contract.resolve import resolve
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

STORED = ("previous_response_id", "conversation", "prompt", "background", "max_tool_calls", "context_management")
"""Fields that need a memory or tools of the server's own, and are refused."""

OTHER_FIELDS = ("model", "input", "instructions", "reasoning", "text", "include", "truncation", *UNUSED, *STORED)

_KNOWN: Mapping[str, object] = {name: {} for name in (*FIELDS, *OTHER_FIELDS)}

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


@dataclass(frozen=True, slots=True)
class ResponsesRequest(Decoded[ChatRequest]):
    """The request, and the client's fields, of which the response repeats some."""

    fields: Mapping[str, object] = field(default_factory=dict)


def decode(body: bytes, models: Mapping[str, Model], policy: Policy) -> ResponsesRequest:
    """Check everything that can be checked without an engine. Raises `InvalidRequest`, `NotFound` for the model."""
    fields = decode_object(body)
    model = requested_model(fields, models)
    _refuse_memory(fields)
    reader = Reader(MediaParts(model, policy.media_urls))
    messages = reader.messages(fields.get("input"))
    if (instructions := fields.get("instructions")) is not None:
        if not isinstance(instructions, str):
            refuse("instructions", "a string", instructions)
        messages = (Message("system", instructions), *messages)
    ignored = [*unknown_members(fields, _KNOWN, strict=policy.strict), *reader.ignored]
    ours = {row: fields[name] for name, row in FIELDS.items() if fields.get(name) is not None}
    _convert(ours, fields, ignored)
    refuse_ignored(ignored, policy)
    with wire_names(WIRE_NAMES):
        params = resolve(ours, model).params
    notices = tuple(reasoning_notices(reader.missing_reasoning, params, policy))
    del fields["input"]  # read; with media in it, too large to keep until the answer has ended
    return ResponsesRequest(ChatRequest(model, params, messages), tuple(ignored), notices, fields)


def _refuse_memory(fields: Mapping[str, object]) -> None:
    for name in STORED:
        if fields.get(name) not in (None, False):
            words = f"{name} is not supported: nothing is stored between requests; send the whole conversation as input"
            raise UnsupportedParameter(words, param=name)
    if fields.get("truncation") not in (None, "disabled"):
        words = f"truncation must be disabled: a prompt is never cut, got {shown(fields['truncation'])}"
        raise UnsupportedParameter(words, param="truncation")


def _convert(ours: dict[str, object], fields: Mapping[str, object], ignored: list[str]) -> None:
    """Give the fields whose form differs the form that the table knows."""
    if isinstance(tools := ours.get("tools"), list):
        ours["tools"] = [_tool(tool, f"tools[{at}]", ignored) for at, tool in enumerate(tools)]
    if isinstance(choice := ours.get("tool_choice"), dict):
        if choice.get("type") != "function":
            refuse("tool_choice.type", "function", choice.get("type"))
        ours["tool_choice"] = {"type": "function", "function": {"name": choice.get("name")}}
    reasoning = _object(fields, "reasoning", ("effort",), ignored)
    if (effort := reasoning.get("effort")) is not None:
        ours["reasoning_effort"] = effort
    if (form := _object(fields, "text", ("format",), ignored).get("format")) is not None:
        ours["response_format"] = _format(form)
    included = _included(fields.get("include"), ignored)
    if _LOGPROBS in included:
        ours["logprobs"] = True
    elif ours.get("top_logprobs"):
        words = f"top_logprobs needs {_LOGPROBS} in include"
        raise InvalidRequest(words, param="top_logprobs")


def _tool(tool: object, path: str, ignored: list[str]) -> object:
    if not isinstance(tool, dict):
        refuse(path, "an object with type and name", tool)
    if tool.get("type") != "function":
        refuse(f"{path}.type", "function: only tools of your own can be called", tool.get("type"))
    known = ("name", "description", "parameters", "strict")
    ignored += [f"{path}.{name[:64]}" for name in tool if name not in (*known, "type")]
    return {"type": "function", "function": {name: tool[name] for name in known if name in tool}}


def _format(form: object) -> object:
    if not isinstance(form, dict) or form.get("type") != "json_schema":
        return form
    return {"type": "json_schema", "json_schema": {name: form[name] for name in form if name != "type"}}


def _object(fields: Mapping[str, object], name: str, known: tuple[str, ...], ignored: list[str]) -> dict[str, object]:
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        refuse(name, "an object", value)
    ignored += [f"{name}.{inner[:64]}" for inner in value if inner not in known and value[inner] is not None]
    return value


def _included(value: object, ignored: list[str]) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list):
        refuse("include", "an array of strings", value)
    for at, item in enumerate(value):
        if not isinstance(item, str):
            refuse(f"include[{at}]", "a string", item)
        if item not in _INCLUDED:
            ignored.append(f"include[{at}]")
    return value
