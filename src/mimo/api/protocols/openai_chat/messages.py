"""The `messages` of a chat completions request → `Message`s, by their shape.

Whatever a message says is text; nothing here looks inside it. Media may stand in what a user says and in what a tool
gives back. Knows no template and no parameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mimo.api.protocols.openai import ROLES, Arguments
from mimo.api.protocols.parts import audio_part, image_part, text_of, text_part, video_part, with_media
from mimo.api.protocols.shapes import Array, Constant, Content, Object, OneOf, Optional, Reading, Shape, Text, Unused
from mimo.contract.checks import refuse
from mimo.contract.errors import InvalidRequest
from mimo.types import Message, ToolCall

_PART = 'an object like {"type": "text", "text": …}'
_PARTS = "a string or an array of at least one part"


def _build_call(call: dict[str, Any], path: str, reading: Reading) -> ToolCall:
    return ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"])


def _build_function_call(call: dict[str, Any], path: str, reading: Reading) -> ToolCall:
    """A call in the older form, which has no id."""
    made = f"function_call_{len(reading.calls)}"
    reading.functions[call["name"]] = made
    return ToolCall(made, call["name"], call["arguments"])


def _build_function_result(message: dict[str, Any], path: str, reading: Reading) -> Message:
    """What a function gave back, in the older form: the answer to its latest call."""
    if (made := reading.functions.get(message["name"])) is None:
        refuse(f"{path}.name", "the name of a function that an earlier message calls", message["name"])
    return Message("tool", text_of(message["content"]), tool_call_id=made, name=message["name"])


def _build(message: dict[str, Any], path: str, reading: Reading) -> Message:
    calls = tuple(message.get("tool_calls") or ())
    if (old := message.get("function_call")) is not None:
        calls += (old,)
    parts = message["content"] or ([message["refusal"]] if message.get("refusal") else ())
    if message["content"] is None and not parts and not calls:
        refuse(f"{path}.content", _PARTS, None)
    reasoning = message.get("reasoning_content")
    if calls and not reasoning:
        missing = f"{path}.reasoning_content"
        reading.missing_reasoning[missing] = missing
    if message["role"] == "tool" and message["tool_call_id"] not in reading.calls:
        refuse(f"{path}.tool_call_id", "the id of a call in an earlier message", message["tool_call_id"])
    reading.calls.update(call.id for call in calls)
    return Message(
        role=ROLES[message["role"]],
        content=text_of(parts),
        reasoning_content=reasoning,
        tool_calls=calls,
        tool_call_id=message.get("tool_call_id"),
        name=message["name"],
        parts=with_media(parts),
    )


_FUNCTION = Object(
    {"name": Text("a non-empty string", 1), "arguments": Arguments()}, "an object with name and arguments"
)
_CALL = Object(
    {
        "id": Text("a non-empty string", 1),
        "type": Constant("function"),
        "function": _FUNCTION,
        "index": Unused(),  # clients that keep the chunks of a stream send it back
    },
    "an object with id and function",
    _build_call,
)
_TEXT = {"text": text_part()}
_MEDIA = {"image_url": image_part(), "input_audio": audio_part(), "video_url": video_part()}


def _listed(reading: Reading) -> str:
    return "text" if reading.model.input == ("text",) else f"one of text, {', '.join(_MEDIA)}"


_TEXTS = Content(Array(OneOf("type", _TEXT, _PART), _PARTS, 1))
_SAID = Content(Array(OneOf("type", {**_TEXT, "refusal": text_part("refusal", "refusal")}, _PART), _PARTS, 1))
_ANY = Content(Array(OneOf("type", {**_TEXT, **_MEDIA}, _PART, _listed), _PARTS, 1))


def _message(role: str, content: Shape[Any], **others: Shape[Any]) -> Object:
    return Object({"role": Constant(role), **others, "content": content, "name": Optional(Text())}, build=_build)


_MESSAGES: Mapping[str, Shape[Message]] = {
    "system": _message("system", _TEXTS),
    "developer": _message("developer", _TEXTS),
    "user": _message("user", _ANY),
    "assistant": _message(
        "assistant",
        Optional(_SAID),
        refusal=Optional(Text()),
        tool_calls=Optional(Array(_CALL, "an array of calls")),
        function_call=Optional(replace(_FUNCTION, build=_build_function_call)),
        reasoning_content=Optional(Text()),
    ),
    "function": Object(
        {"role": Constant("function"), "name": Text("the name of a function", 1), "content": _TEXTS},
        build=_build_function_result,
    ),
    "tool": _message("tool", _ANY, tool_call_id=Text("the id of the call that this message answers", 1)),
}
MESSAGES = Array(OneOf("role", _MESSAGES, "an object with role and content"), "an array of at least one message", 1)
"""A conversation."""


def read_messages(value: object, reading: Reading) -> tuple[Message, ...]:
    """The conversation. Raises `InvalidRequest` and finer ones."""
    if value is None:
        raise InvalidRequest("messages is required: an array of at least one message", param="messages")
    return tuple(MESSAGES.read(value, "messages", reading))
