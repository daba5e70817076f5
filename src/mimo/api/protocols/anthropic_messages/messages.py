"""The `messages` and `system` of the Anthropic protocol → `Message`s, by their shapes.

A user message may hold results of tools between text and images: each becomes a message of its own, in the order in
which they stand. Whatever a block says is text. Knows no template and no parameter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mimo.api.protocols.anthropic_messages.media import image_block
from mimo.api.protocols.parts import EXTRAS, Parts, text_of, text_part, with_media
from mimo.api.protocols.shapes import (
    FLAG,
    Array,
    Constant,
    Content,
    Members,
    Object,
    OneOf,
    Optional,
    Reading,
    Refused,
    Shape,
    Text,
    Unused,
)
from mimo.contract.checks import refuse
from mimo.contract.errors import InvalidRequest, UnsupportedInput
from mimo.types import Message, ToolCall

_BLOCK = 'an object like {"type": "text", "text": …}'
_BLOCKS = "a string or an array of at least one block"


@dataclass(frozen=True, slots=True)
class _Thinking:
    """A thinking block. `text`: None where it is encrypted, and not ours to read."""

    text: str | None


def _block(kind: str, build: Any, **members: Shape[Any]) -> Object:
    return Object({"type": Constant(kind), **members, **EXTRAS}, build=build)


def _call(block: dict[str, Any], path: str, reading: Reading) -> ToolCall:
    reading.calls.add(block["id"])
    return ToolCall(block["id"], block["name"], block["input"])


def _result(block: dict[str, Any], path: str, reading: Reading) -> Message:
    call, parts = block["tool_use_id"], tuple(block["content"] or ("",))
    if call not in reading.calls:
        refuse(f"{path}.tool_use_id", "the id of a tool_use in an earlier message", call)
    if block["is_error"] and not text_of(parts).lower().startswith("error"):
        first, *others = parts  # the templates have no other place for it
        parts = (f"Error: {first}", *others) if isinstance(first, str) else ("Error: ", *parts)
    return Message("tool", text_of(parts), tool_call_id=call, parts=with_media(parts))


def _redacted(block: dict[str, Any], path: str, reading: Reading) -> _Thinking:
    reading.ignored.append(path)
    return _Thinking(None)


def _user(message: dict[str, Any], path: str, reading: Reading) -> list[Message]:
    """The results of tools, and what is said between them."""
    found: list[Message] = []
    said: Parts = ()
    for block in (*message["content"], None):
        if block is not None and not isinstance(block, Message):
            said = (*said, block)
            continue
        if said:
            found.append(Message("user", text_of(said), parts=with_media(said)))
            said = ()
        if block is not None:
            found.append(block)
    return found


def _system(message: dict[str, Any], path: str, reading: Reading) -> list[Message]:
    return [Message("system", text_of(message["content"]))]


def _assistant(message: dict[str, Any], path: str, reading: Reading) -> list[Message]:
    blocks = message["content"]
    calls = tuple(block for block in blocks if isinstance(block, ToolCall))
    thoughts = [block.text for block in blocks if isinstance(block, _Thinking) and block.text is not None]
    reasoning = "".join(thoughts) if thoughts else None
    if calls and not reasoning:
        reading.missing_reasoning[f"{path}.content"] = f"a thinking block in {path}.content"
    return [Message("assistant", text_of(blocks), reasoning_content=reasoning, tool_calls=calls)]


def _titled(kind: str, about: Iterable[str | None], text: str) -> str:
    """`text` under a line that says what it is: what a model sees of a document."""
    return "\n".join([f"[{': '.join([kind, *(part for part in about if part)])}]", text, ""])


def _document(block: dict[str, Any], path: str, reading: Reading) -> str:
    source = block["source"]
    text = source["data"] if source["type"] == "text" else text_of(source["content"])
    return _titled("document", (block["title"], block["context"]), text)


def _search_result(block: dict[str, Any], path: str, reading: Reading) -> str:
    return _titled("search result", (block["title"], block["source"]), text_of(block["content"]))


_TEXT = {"text": text_part(citations=Unused())}
_TEXTS = Content(Array(OneOf("type", _TEXT, _BLOCK), "a string or an array of text blocks"))
_PDF = " which holds a PDF: documents are read as text only; send its text as a source of type text"
_SOURCES: Mapping[str, Shape[Any]] = {
    "text": Object({"type": Constant("text"), "media_type": Unused(), "data": Text()}),
    "content": Object({"type": Constant("content"), "content": _TEXTS}),
    **{kind: Refused(UnsupportedInput, f" is {kind},{_PDF}") for kind in ("base64", "url", "file")},
}
_SOURCE = OneOf(
    "type",
    _SOURCES,
    'an object like {"type": "text", "media_type": "text/plain", "data": …}',
    lambda _: "text or content",
)
_SHOWN = {
    **_TEXT,
    "image": image_block(),
    "document": _block(
        "document",
        _document,
        source=_SOURCE,
        title=Optional(Text()),
        context=Optional(Text()),
        citations=Unused(),
    ),
    "search_result": _block(
        "search_result", _search_result, title=Text(), source=Text(), content=_TEXTS, citations=Unused()
    ),
}
_OF_USER = {
    **_SHOWN,
    "tool_result": _block(
        "tool_result",
        _result,
        tool_use_id=Text(),
        is_error=Optional(FLAG),
        content=Optional(Content(Array(OneOf("type", _SHOWN, _BLOCK), "a string or an array of blocks"))),
    ),
}
_OF_ASSISTANT = {
    **_TEXT,
    "thinking": _block(
        "thinking", lambda block, path, reading: _Thinking(block["thinking"]), thinking=Text(), signature=Unused()
    ),
    "redacted_thinking": _block("redacted_thinking", _redacted, data=Unused()),
    "tool_use": _block(
        "tool_use",
        _call,
        id=Text("a non-empty string", 1),
        name=Text("a non-empty string", 1),
        input=Members(),
        caller=Unused(),
    ),
}


def _message(role: str, kinds: Mapping[str, Shape[Any]], build: Any) -> Object:
    return Object(
        {"role": Constant(role), "content": Content(Array(OneOf("type", kinds, _BLOCK), _BLOCKS, 1))}, build=build
    )


_ROLES = {
    "user": _message("user", _OF_USER, _user),
    "assistant": _message("assistant", _OF_ASSISTANT, _assistant),
    "system": _message("system", _TEXT, _system),
}
MESSAGES = Array(OneOf("role", _ROLES, "an object with role and content"), "an array of at least one message", 1)
"""A conversation; each message is read as one or more of ours."""
SYSTEM = Optional(_TEXTS)
"""The system message."""


def read_messages(value: object, reading: Reading) -> tuple[Message, ...]:
    """The conversation. Raises `InvalidRequest` and finer ones."""
    if value is None:
        raise InvalidRequest("messages is required: an array of at least one message", param="messages")
    found = MESSAGES.read(value, "messages", reading)
    last = found[-1][-1]
    if last.tool_calls:
        path = f"messages[{len(found) - 1}]"
        raise InvalidRequest(f"{path} must be followed by the results of its tool_use blocks", param=path)
    if last.role == "assistant" and last.reasoning_content:
        reading.notices.append("the thinking of the message that is continued is not shown to the model")
    return tuple(message for messages in found for message in messages)


def read_system(value: object, reading: Reading) -> tuple[Message, ...]:
    """The system message, if there is one."""
    blocks = SYSTEM.read(value, "system", reading)
    return (Message("system", text_of(blocks)),) if blocks else ()
