"""The body of POST /v1/messages → a `ChatRequest`: Anthropic's fields become those of the parameters table.

    bytes → JSON object → model → system and messages → fields under our names → parameters

An error names Anthropic's field. Knows the wire's field names; knows no engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mimo.api.body import decode_object
from mimo.api.policy import Policy
from mimo.api.protocols.anthropic_messages.messages import Reader
from mimo.api.protocols.fields import (
    EVERYWHERE,
    Decoded,
    reasoning_notices,
    refuse_ignored,
    requested_model,
    wire_names,
)
from mimo.api.protocols.parts import MediaParts
from mimo.contract.checks import refuse
from mimo.contract.errors import InvalidRequest
from mimo.contract.models import Model
from mimo.contract.request import ChatRequest
from mimo.contract.resolve import resolve
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
COUNTED = ("model", "messages", "system", "thinking", "output_config", "tools", "tool_choice")
"""What a count looks at."""

_KNOWN: Mapping[str, object] = {name: {} for name in (*FIELDS, *OTHER_FIELDS)}

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

_CHOICES: Mapping[str, str] = {"auto": "auto", "any": "required", "none": "none"}
_TOOL = ("name", "description", "input_schema", "strict", "type", "cache_control")


def decode(body: bytes, models: Mapping[str, Model], policy: Policy) -> Decoded[ChatRequest]:
    """Check everything that can be checked without an engine. Raises `InvalidRequest`, `NotFound` for the model."""
    return _decoded(decode_object(body), models, policy)


def decode_count(body: bytes, models: Mapping[str, Model], policy: Policy) -> Decoded[ChatRequest]:
    """As `decode`, for a request to count tokens: what does not change the prompt is left out of sight."""
    fields = decode_object(body)
    return _decoded({name: fields[name] for name in COUNTED if name in fields}, models, policy)


def _decoded(fields: dict[str, object], models: Mapping[str, Model], policy: Policy) -> Decoded[ChatRequest]:
    model = requested_model(fields, models)
    reader = Reader(MediaParts(model, policy.media_urls))
    conversation = reader.messages(fields.get("messages"))
    messages = (*reader.system(fields.get("system")), *conversation)
    continues = conversation[-1].role == "assistant"
    ignored = [*unknown_members(fields, _KNOWN, strict=policy.strict), *reader.ignored]
    ours = {row: fields[name] for name, row in FIELDS.items() if fields.get(name) is not None}
    _convert(ours, fields, ignored, model)
    if continues:
        ours["thinking"] = _no_thinking(ours.get("thinking"))
    refuse_ignored(ignored, policy)
    with wire_names(WIRE_NAMES):
        params = resolve(ours, model).params
    request = ChatRequest(model, params, messages, continues)
    notices = (*reader.notices, *reasoning_notices(reader.missing_reasoning, params, policy))
    return Decoded(request, tuple(ignored), notices)


def _convert(ours: dict[str, object], fields: Mapping[str, object], ignored: list[str], model: Model) -> None:
    """Give the fields whose form differs the form that the table knows."""
    if "stop" in ours and not isinstance(ours["stop"], list):
        refuse("stop_sequences", f"an array of 1 to {model.parameters['stop'].repeats} non-empty strings", ours["stop"])
    if isinstance(thinking := ours.get("thinking"), dict) and "display" in thinking:
        ignored.append("thinking.display")
        ours["thinking"] = {name: value for name, value in thinking.items() if name != "display"}
    if isinstance(tools := ours.get("tools"), list):
        ours["tools"] = [_tool(tool, f"tools[{at}]", ignored) for at, tool in enumerate(tools)]
    if "tool_choice" in ours:
        ours["tool_choice"], parallel = _tool_choice(ours["tool_choice"])
        ours["parallel_tool_calls"] = parallel
    if (output := fields.get("output_config")) is not None:
        ours["response_format"], effort = _output_config(output, ignored)
        if "thinking" not in ours:  # which decides by itself whether there is any
            ours["reasoning_effort"] = effort


def _tool(tool: object, path: str, ignored: list[str]) -> object:
    if not isinstance(tool, dict):
        refuse(path, "an object with name and input_schema", tool)
    if tool.get("type") not in (None, "custom"):
        refuse(f"{path}.type", "custom: only tools of your own can be called", tool["type"])
    if tool.get("input_schema") is None:
        refuse(f"{path}.input_schema", "a JSON Schema of type object", None)
    ignored += [f"{path}.{name[:64]}" for name in tool if name not in _TOOL]
    function = {name: tool.get(name) for name in ("name", "description", "strict")}
    return {"type": "function", "function": {**function, "parameters": tool["input_schema"]}}


def _tool_choice(choice: object) -> tuple[object, bool]:
    """Ours, and whether calls may be parallel."""
    if not isinstance(choice, dict):
        refuse("tool_choice", 'an object like {"type": "auto"}', choice)
    kind, alone = choice.get("type"), choice.get("disable_parallel_tool_use")
    if alone is not None and not isinstance(alone, bool):
        refuse("tool_choice.disable_parallel_tool_use", "true or false", alone)
    if kind == "tool":
        return {"type": "function", "function": {"name": choice.get("name")}}, not alone
    if not isinstance(kind, str) or kind not in _CHOICES:
        refuse("tool_choice.type", "one of auto, any, tool, none", kind)
    return _CHOICES[kind], not alone


def _output_config(config: object, ignored: list[str]) -> tuple[object, object]:
    """The `response_format` and the `reasoning_effort` in it, None for what it does not say."""
    if not isinstance(config, dict):
        refuse("output_config", "an object", config)
    ignored += [f"output_config.{name[:64]}" for name in config if name not in ("format", "effort")]
    form, effort = config.get("format"), config.get("effort")
    if form is None:
        return None, effort
    if not isinstance(form, dict) or form.get("type") != "json_schema":
        refuse("output_config.format", 'an object like {"type": "json_schema", "schema": …}', form)
    return {"type": "json_schema", "json_schema": {"schema": form.get("schema")}}, effort


def _no_thinking(given: object) -> object:
    """Thinking is off where an answer is continued: it has begun. What is no switch is left for the table to refuse."""
    if isinstance(given, dict) and given.get("type") == "enabled":
        words = "must be disabled where the last message is an assistant's: its answer has begun"
        raise InvalidRequest(f"thinking {words}", param="thinking")
    chosen_by_the_model = isinstance(given, dict) and given.get("type") == "adaptive"
    return {"type": "disabled"} if given is None or chosen_by_the_model else given
