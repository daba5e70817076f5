"""The `messages` of a chat completions request → `Message`s, or a 400 that names the path of what is wrong.

Whatever a message says is text; nothing here looks inside it. Media may stand in what a user says and in what a tool
gives back. Knows no template and no parameter.
"""

from __future__ import annotations

from typing import Literal, cast

from mimo.api.protocols.openai import ROLES, read_arguments
from mimo.api.protocols.parts import CHAT, Content, MediaParts, kept, text_of
from mimo.contract.checks import refuse
from mimo.contract.errors import InvalidRequest
from mimo.contract.models import Model
from mimo.types import Media, Message, ToolCall

WITH_MEDIA = ("user", "tool")
"""Roles whose messages may hold media."""

_KNOWN = {"role", "content", "name"}
_OF_ROLE = {"assistant": _KNOWN | {"reasoning_content", "tool_calls"}, "tool": _KNOWN | {"tool_call_id"}}


def read_messages(value: object, model: Model, *, urls: bool = False) -> tuple[tuple[Message, ...], list[str]]:
    """The messages, and the paths of the fields in them that nobody knows. `urls`: media may be named by URL.

    Raises `InvalidRequest` and finer ones.
    """
    if value is None:
        raise InvalidRequest("messages is required: an array of at least one message", param="messages")
    if not isinstance(value, list) or not value:
        refuse("messages", "an array of at least one message", value)
    media = MediaParts(model, urls)
    messages = tuple(_message(item, f"messages[{at}]", media) for at, item in enumerate(value))
    _check_results(messages)
    return messages, media.ignored


def _check_results(messages: tuple[Message, ...]) -> None:
    """Every result must be that of an earlier call."""
    calls: set[str | None] = set()
    for at, message in enumerate(messages):
        calls.update(call.id for call in message.tool_calls)
        if message.role == "tool" and message.tool_call_id not in calls:
            refuse(f"messages[{at}].tool_call_id", "the id of a call in an earlier message", message.tool_call_id)


def missing_reasoning(messages: tuple[Message, ...]) -> dict[str, str]:
    """For `reasoning_notices`: the assistant messages that call tools and do not bring their reasoning back."""
    return {
        (path := f"messages[{at}].reasoning_content"): path
        for at, message in enumerate(messages)
        if message.tool_calls and not message.reasoning_content
    }


def _message(item: object, path: str, media: MediaParts) -> Message:
    if not isinstance(item, dict):
        refuse(path, "an object with role and content", item)
    role = item.get("role")
    if not isinstance(role, str) or role not in ROLES:
        refuse(f"{path}.role", f"one of {', '.join(ROLES)}", role)
    known = _OF_ROLE.get(role, _KNOWN)
    if not known.issuperset(item):
        given = [name for name, held in item.items() if held not in (None, [])]  # how clients say "not there"
        media.ignored += [f"{path}.{name[:64]}" for name in given if name not in known]
    calls = _tool_calls(item.get("tool_calls"), f"{path}.tool_calls") if role == "assistant" else ()
    parts = _content(item.get("content"), f"{path}.content", role, media, optional=bool(calls))
    return Message(
        role=ROLES[role],
        content=text_of(parts),
        reasoning_content=_text(item, "reasoning_content", path) if role == "assistant" else None,
        tool_calls=calls,
        tool_call_id=_tool_call_id(item, path) if role == "tool" else None,
        name=_text(item, "name", path),
        parts=kept(parts),
    )


def _content(value: object, path: str, role: str, media: MediaParts, optional: bool) -> Content:
    if isinstance(value, str):
        return (value,)
    if value is None and optional:
        return ()
    if not isinstance(value, list) or not value:
        refuse(path, "a string or an array of at least one part", value)
    return tuple(_part(part, f"{path}[{at}]", role, media) for at, part in enumerate(value))


def _part(part: object, path: str, role: str, media: MediaParts) -> str | Media:
    if not isinstance(part, dict):
        refuse(path, 'an object like {"type": "text", "text": …}', part)
    kind = part.get("type")
    if isinstance(kind, str) and kind in CHAT and role in WITH_MEDIA:
        return media.chat(part, path)
    if kind != "text":
        takes_media = media.model.input != ("text",) and role in WITH_MEDIA
        refuse(f"{path}.type", f"one of text, {', '.join(CHAT)}" if takes_media else "text", kind)
    text = part.get("text")
    if not isinstance(text, str):
        refuse(f"{path}.text", "a string", text)
    return text


def _text(item: dict[str, object], name: str, path: str) -> str | None:
    value = item.get(name)
    if value is not None and not isinstance(value, str):
        refuse(f"{path}.{name}", "a string", value)
    return value


def _tool_call_id(item: dict[str, object], path: str) -> str:
    value = item.get("tool_call_id")
    if not isinstance(value, str) or not value:
        refuse(f"{path}.tool_call_id", "the id of the call that this message answers", value)
    return value


def _tool_calls(value: object, path: str) -> tuple[ToolCall, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        refuse(path, "an array of calls", value)
    return tuple(_tool_call(call, f"{path}[{at}]") for at, call in enumerate(value))


def _tool_call(call: object, path: str) -> ToolCall:
    if not isinstance(call, dict):
        refuse(path, "an object with id and function", call)
    kind: Literal["function"] | object = call.get("type", "function")
    if kind != "function":
        refuse(f"{path}.type", "function", kind)
    function = call.get("function")
    if not isinstance(function, dict):
        refuse(f"{path}.function", "an object with name and arguments", function)
    for field, held in (("id", call.get("id")), ("function.name", function.get("name"))):
        if not isinstance(held, str) or not held:
            refuse(f"{path}.{field}", "a non-empty string", held)
    arguments = read_arguments(function.get("arguments"), f"{path}.function.arguments")
    return ToolCall(cast(str, call["id"]), cast(str, function["name"]), arguments)
