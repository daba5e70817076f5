"""The `input` of the Responses API → `Message`s, or a 400 that names the path of what is wrong.

Reasoning, text and calls that follow each other are one turn of the assistant. Whatever an item says is text. Knows no
template and no parameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mimo.api.protocols.openai import ROLES, read_arguments
from mimo.api.protocols.parts import RESPONSES, Content, MediaParts, kept, text_of
from mimo.contract.checks import refuse
from mimo.contract.errors import InvalidRequest, UnsupportedInput
from mimo.types import Media, Message, ToolCall

_ITEMS: Mapping[str, frozenset[str]] = {
    "message": frozenset({"role", "content", "phase"}),
    "reasoning": frozenset({"summary", "content", "encrypted_content"}),
    "function_call": frozenset({"call_id", "name", "arguments", "namespace", "caller"}),
    "function_call_output": frozenset({"call_id", "output", "caller"}),
}
_EVERY = frozenset({"type", "id", "status"})
_TEXTS = ("input_text", "output_text", "text", "summary_text", "reasoning_text")
_Item = dict[str, object]


@dataclass(slots=True)
class Reader:
    """Reads the input of one request. `media` reads its images and sounds, and keeps the paths of fields that nobody
    knows."""

    media: MediaParts
    missing_reasoning: dict[str, str] = field(default_factory=dict)
    """For `reasoning_notices`: the first call of each turn that holds calls and no reasoning."""
    _found: list[Message] = field(default_factory=list)
    _reasoning: str | None = None
    _text: str | None = None
    _calls: list[ToolCall] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)

    @property
    def ignored(self) -> list[str]:
        """Paths of fields that nobody knows."""
        return self.media.ignored

    def messages(self, value: object) -> tuple[Message, ...]:
        """The conversation. Raises `InvalidRequest` and finer ones."""
        if value is None:
            raise InvalidRequest("input is required: a string or an array of at least one item", param="input")
        if isinstance(value, str):
            return (Message("user", value),)
        if not isinstance(value, list) or not value:
            refuse("input", "a string or an array of at least one item", value)
        for at, item in enumerate(value):
            self._item(item, f"input[{at}]")
        self._end_turn()
        return tuple(self._found)

    def _item(self, item: object, path: str) -> None:
        if not isinstance(item, dict):
            refuse(path, "an object with a type", item)
        kind = item.get("type", "message" if "role" in item else None)
        if kind == "item_reference":
            raise InvalidRequest(f"{path}.type: item_reference names nothing: nothing is stored here", param=path)
        if not isinstance(kind, str) or kind not in _ITEMS:
            refuse(f"{path}.type", f"one of {', '.join(_ITEMS)}", kind)
        self.media.ignored += [
            f"{path}.{name[:64]}" for name in item if name not in _ITEMS[kind] and name not in _EVERY
        ]
        match kind:
            case "message":
                self._message(item, path)
            case "reasoning":
                if self._text is not None or self._calls:
                    self._end_turn()
                self._reasoning = (self._reasoning or "") + self._thoughts(item, path)
            case "function_call":
                if not self._calls and not self._reasoning:
                    self.missing_reasoning[path] = f"a reasoning item before {path}"
                self._calls.append(self._call(item, path))
            case _:
                self._result(item, path)

    def _message(self, item: _Item, path: str) -> None:
        role = item.get("role")
        if not isinstance(role, str) or role not in ROLES or role == "tool":
            refuse(f"{path}.role", f"one of {', '.join(name for name in ROLES if name != 'tool')}", role)
        parts = self._content(item.get("content"), f"{path}.content", media=role == "user")
        if role == "assistant":
            if self._text is not None or self._calls:
                self._end_turn()
            self._text = text_of(parts)
            return
        self._end_turn()
        self._found.append(Message(ROLES[role], text_of(parts), parts=kept(parts)))

    def _content(self, value: object, path: str, *, media: bool = False) -> Content:
        """Text, and where `media` may stand media."""
        if isinstance(value, str):
            return (value,)
        if not isinstance(value, list) or not value:
            refuse(path, "a string or an array of at least one part", value)
        return tuple(self._part(part, f"{path}[{at}]", media) for at, part in enumerate(value))

    def _part(self, part: object, path: str, media: bool) -> str | Media:
        if not isinstance(part, dict):
            refuse(path, 'an object like {"type": "input_text", "text": …}', part)
        kind = part.get("type")
        if isinstance(kind, str) and kind in RESPONSES and media:
            return self.media.responses(part, path)
        if kind == "input_file":
            raise UnsupportedInput(f"{path} is a file, and files are not read here; send its text", param=path)
        name = "refusal" if kind == "refusal" else "text"
        if not isinstance(kind, str) or kind not in (*_TEXTS, "refusal"):
            refuse(f"{path}.type", f"input_text or output_text{', input_image or input_audio' if media else ''}", kind)
        text = part.get(name)
        if not isinstance(text, str):
            refuse(f"{path}.{name}", "a string", text)
        return text

    def _thoughts(self, item: _Item, path: str) -> str:
        """The reasoning itself, or else its summary; what is encrypted is not ours."""
        for name in ("content", "summary"):
            if (parts := item.get(name)) is None or parts == []:
                continue
            return text_of(self._content(parts, f"{path}.{name}"))
        return ""

    def _call(self, item: _Item, path: str) -> ToolCall:
        for name in ("call_id", "name"):
            if not isinstance(value := item.get(name), str) or not value:
                refuse(f"{path}.{name}", "a non-empty string", value)
        call = ToolCall(
            str(item["call_id"]), str(item["name"]), read_arguments(item.get("arguments"), f"{path}.arguments")
        )
        self._known.add(call.id)
        return call

    def _result(self, item: _Item, path: str) -> None:
        call = item.get("call_id")
        if not isinstance(call, str) or call not in self._known:
            refuse(f"{path}.call_id", "the call_id of an earlier function_call", call)
        self._end_turn()
        parts = self._content(item.get("output"), f"{path}.output", media=True)
        self._found.append(Message("tool", text_of(parts), tool_call_id=call, parts=kept(parts)))

    def _end_turn(self) -> None:
        """Close the assistant's turn, if one is open."""
        if self._text is not None or self._calls or self._reasoning:
            self._found.append(
                Message("assistant", self._text or "", reasoning_content=self._reasoning, tool_calls=tuple(self._calls))
            )
        self._reasoning, self._text, self._calls = None, None, []
