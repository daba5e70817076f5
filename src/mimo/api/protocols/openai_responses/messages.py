"""The `input` of the Responses API → `Message`s, by its shape.

Reasoning, text and calls that follow each other are one turn of the assistant. Whatever an item says is text. Knows no
template and no parameter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mimo.api.protocols.openai import ROLES, Arguments
from mimo.api.protocols.openai_responses.tools import INPUT as INPUT_NAME
from mimo.api.protocols.parts import audio_part, media_part, text_of, text_part, with_media
from mimo.api.protocols.schema import Schema, media_address
from mimo.api.protocols.shapes import (
    Array,
    Constant,
    Content,
    Object,
    OneOf,
    Optional,
    Passed,
    Reading,
    Refused,
    Shape,
    Text,
    Unused,
)
from mimo.contract.checks import refuse
from mimo.contract.errors import InvalidRequest, UnsupportedInput
from mimo.media.content import read, refused
from mimo.types import Media, Message, ToolCall

_PARTS = "a string or an array of at least one part"
_PART = 'an object like {"type": "input_text", "text": …}'
_EXTRAS: Mapping[str, Shape[Any]] = {"id": Unused(), "status": Unused()}


@dataclass(frozen=True, slots=True)
class _Text:
    """What the assistant said."""

    text: str


class _LeftOut(Shape[None]):
    """A call of a tool of OpenAI's servers or what came of it: its content is not ours to read."""

    def read(self, value: object, path: str, reading: Reading) -> None:
        reading.ignored.append(path)

    def schema(self) -> Schema:
        return {}


@dataclass(frozen=True, slots=True)
class _Thoughts:
    """What the assistant thought."""

    text: str


@dataclass(frozen=True, slots=True)
class _Call:
    """What the assistant called, and the path of the item."""

    call: ToolCall
    path: str


def _image(part: dict[str, Any], media: Media, reading: Reading) -> Media:
    return read(part["image_url"], media, urls=reading.urls)


class _NoFile(Unused):
    """A `file_id`, which names a file, where no files are kept."""

    def read(self, value: object, path: str, reading: Reading) -> None:
        if value is not None:
            media = Media("image", "", path.removesuffix(".file_id"))
            raise refused(media, "names a file, and no files are kept here; send its content in image_url")


_TEXT = {
    **{kind: text_part(kind) for kind in ("input_text", "output_text", "text", "summary_text", "reasoning_text")},
    "refusal": text_part("refusal", "refusal"),
    "input_file": Refused(UnsupportedInput, " is a file, and files are not read here; send its text"),
}
_MEDIA = {
    "input_image": media_part(
        "image",
        {
            "type": Constant("input_image"),
            "file_id": _NoFile(),
            "image_url": Text(described=media_address("image")),
            "detail": Unused("auto"),
        },
        _image,
    ),
    "input_audio": audio_part(),
}
_TEXTS = Content(Array(OneOf("type", _TEXT, _PART, lambda _: "input_text or output_text"), _PARTS, 1))
_ANY = Content(
    Array(
        OneOf("type", {**_TEXT, **_MEDIA}, _PART, lambda _: "input_text or output_text, input_image or input_audio"),
        _PARTS,
        1,
    )
)


def _message(item: dict[str, Any], path: str, reading: Reading) -> Message | _Text:
    role, parts = item["role"], item["content"]
    if role == "assistant":
        return _Text(text_of(parts))
    return Message(ROLES[role], text_of(parts), parts=with_media(parts))


def _call(item: dict[str, Any], path: str, reading: Reading) -> _Call:
    reading.calls.add(item["call_id"])
    name = f"{item['namespace']}.{item['name']}" if item["namespace"] else item["name"]
    return _Call(ToolCall(item["call_id"], name, item["arguments"]), path)


def _custom(item: dict[str, Any], path: str, reading: Reading) -> _Call:
    reading.calls.add(item["call_id"])
    return _Call(ToolCall(item["call_id"], item["name"], {INPUT_NAME: item["input"]}), path)


def _more_tools(item: dict[str, Any], path: str, reading: Reading) -> None:
    reading.tools.append((item["tools"], f"{path}.tools"))


def _result(item: dict[str, Any], path: str, reading: Reading) -> Message:
    call, parts = item["call_id"], item["output"]
    if call not in reading.calls:
        refuse(f"{path}.call_id", "the call_id of an earlier function_call", call)
    return Message("tool", text_of(parts), tool_call_id=call, parts=with_media(parts))


def _item(kind: str, build: Any, **members: Shape[Any]) -> Object:
    return Object({"type": Constant(kind), **members, **_EXTRAS}, build=build)


def _output(kind: str) -> Object:
    """What came of a call."""
    call = Text(f"the call_id of an earlier {kind.removesuffix('_output')}")
    return _item(kind, _result, call_id=call, output=_ANY, caller=Unused())


_THOUGHTS = Optional(Content(Array(OneOf("type", _TEXT, _PART, lambda _: "input_text or output_text"), _PARTS)))
_ITEMS: Mapping[str, Shape[Any]] = {
    "message": OneOf(
        "role",
        {
            role: _item(
                "message", _message, role=Constant(role), content=_ANY if role == "user" else _TEXTS, phase=Unused()
            )
            for role in ROLES
            if role != "tool"
        },
        "an object with a role",
    ),
    "reasoning": _item(
        "reasoning",
        lambda item, path, reading: _Thoughts(text_of(item["content"] or item["summary"] or ())),
        content=_THOUGHTS,
        summary=_THOUGHTS,
        encrypted_content=Unused(),
    ),
    "function_call": _item(
        "function_call",
        _call,
        call_id=Text("a non-empty string", 1),
        name=Text("a non-empty string", 1),
        arguments=Arguments(),
        namespace=Optional(Text()),
        caller=Unused(),
    ),
    "function_call_output": _output("function_call_output"),
    "custom_tool_call": _item(
        "custom_tool_call",
        _custom,
        call_id=Text("a non-empty string", 1),
        name=Text("a non-empty string", 1),
        input=Text(),
        caller=Unused(),
    ),
    "custom_tool_call_output": _output("custom_tool_call_output"),
    "additional_tools": _item(
        "additional_tools", _more_tools, role=Unused(), tools=Passed({"type": "array"}, needed="an array of tools")
    ),
}
_HOSTED = (
    "web_search_call", "file_search_call", "tool_search_call", "tool_search_output", "code_interpreter_call",
    "image_generation_call", "computer_call", "computer_call_output", "mcp_list_tools", "mcp_call",
    "mcp_approval_request", "mcp_approval_response", "local_shell_call", "local_shell_call_output", "shell_call",
    "shell_call_output", "apply_patch_call", "apply_patch_call_output", "compaction",
)  # fmt: skip
"""Items of tools that run on OpenAI's servers, and of conversations that are kept there."""
_KINDS = {
    **_ITEMS,
    **{kind: _LeftOut() for kind in _HOSTED},
    "item_reference": Refused(InvalidRequest, ".type: item_reference names nothing: nothing is stored here"),
}
INPUT = Array(
    OneOf(
        "type",
        _KINDS,
        "an object with a type",
        lambda _: f"one of {', '.join(_ITEMS)}",
        lambda value: "message" if "role" in value else None,
    ),
    "a string or an array of items",
)
"""The items of a conversation."""


def read_input(value: object, reading: Reading) -> tuple[Message, ...]:
    """The conversation. Raises `InvalidRequest` and finer ones."""
    if value is None:
        raise InvalidRequest("input is required: a string or an array of items", param="input")
    if isinstance(value, str):
        return (Message("user", value),)
    items = INPUT.read(value, "input", reading)
    return tuple(_turns((item for item in items if item is not None), reading))


def _turns(items: Iterable[Message | _Text | _Thoughts | _Call], reading: Reading) -> Iterable[Message]:
    """Reasoning, text and calls of the assistant joined to turns; a turn is reasoning, then text, then calls."""
    turn = _Turn()
    for item in items:
        if isinstance(item, Message) or turn.ends_before(item):
            yield from turn.message(reading)
            turn = _Turn()
        match item:
            case Message():
                yield item
            case _Text(text):
                turn.text = text
            case _Thoughts(text):
                turn.reasoning = (turn.reasoning or "") + text
            case _Call():
                turn.calls.append(item)
    yield from turn.message(reading)


class _Turn:
    """One turn of the assistant while its items come."""

    def __init__(self) -> None:
        self.reasoning: str | None = None
        self.text: str | None = None
        self.calls: list[_Call] = []

    def ends_before(self, item: _Text | _Thoughts | _Call) -> bool:
        """Whether `item` begins another turn."""
        return not isinstance(item, _Call) and (self.text is not None or bool(self.calls))

    def message(self, reading: Reading) -> Iterable[Message]:
        """The turn as a message, if there is anything in it."""
        if self.calls and not self.reasoning:
            first = self.calls[0].path
            reading.missing_reasoning[first] = f"a reasoning item before {first}"
        if self.text is not None or self.calls or self.reasoning:
            calls = tuple(item.call for item in self.calls)
            yield Message("assistant", self.text or "", reasoning_content=self.reasoning, tool_calls=calls)
