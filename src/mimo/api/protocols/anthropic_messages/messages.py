"""The `messages` and `system` of the Anthropic protocol → `Message`s, or a 400 that names the path of what is wrong.

A user message may hold results of tools beside text and images: each becomes a message of its own, in the order in
which they stand. Whatever a block says is text. Knows no template and no parameter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mimo.api.protocols.parts import Content, MediaParts, kept, text_of
from mimo.contract.checks import refuse
from mimo.contract.errors import InvalidRequest, UnsupportedInput
from mimo.types import Media, Message, ToolCall

_FIELDS: Mapping[str, frozenset[str]] = {
    "text": frozenset({"text", "citations"}),
    "image": frozenset({"source"}),
    "document": frozenset({"source", "title", "context", "citations"}),
    "search_result": frozenset({"source", "title", "content", "citations"}),
    "thinking": frozenset({"thinking", "signature"}),
    "redacted_thinking": frozenset({"data"}),
    "tool_use": frozenset({"id", "name", "input", "caller"}),
    "tool_result": frozenset({"tool_use_id", "content", "is_error"}),
}
_EVERY = frozenset({"type", "cache_control"})
_SHOWN = ("text", "image", "document", "search_result")
_OF_ROLE: Mapping[str, tuple[str, ...]] = {
    "system": ("text",),
    "user": (*_SHOWN, "tool_result"),
    "assistant": ("text", "thinking", "redacted_thinking", "tool_use"),
}
_Block = dict[str, object]


@dataclass(slots=True)
class Reader:
    """Reads the conversation of one request, and keeps what is worth telling the client. `media` reads its images and
    keeps the paths of fields that nobody knows."""

    media: MediaParts
    notices: list[str] = field(default_factory=list)
    missing_reasoning: dict[str, str] = field(default_factory=dict)
    """For `reasoning_notices`: the messages that call tools and hold no thinking."""
    _calls: set[str] = field(default_factory=set)

    @property
    def ignored(self) -> list[str]:
        """Paths of fields that nobody knows."""
        return self.media.ignored

    def messages(self, value: object) -> tuple[Message, ...]:
        """The conversation. Raises `InvalidRequest` and finer ones."""
        if value is None:
            raise InvalidRequest("messages is required: an array of at least one message", param="messages")
        if not isinstance(value, list) or not value:
            refuse("messages", "an array of at least one message", value)
        found: list[Message] = []
        for at, item in enumerate(value):
            found += self._message(item, f"messages[{at}]")
        if found and found[-1].tool_calls:
            words = "must be followed by the results of its tool_use blocks"
            raise InvalidRequest(f"messages[{len(value) - 1}] {words}", param=f"messages[{len(value) - 1}]")
        if found and found[-1].role == "assistant" and found[-1].reasoning_content:
            self.notices.append("the thinking of the message that is continued is not shown to the model")
        return tuple(found)

    def system(self, value: object) -> tuple[Message, ...]:
        """The system message, if there is one."""
        if value is None:
            return ()
        if isinstance(value, str):
            return (Message("system", value),)
        if not isinstance(value, list):
            refuse("system", "a string or an array of text blocks", value)
        blocks = [self._block(item, f"system[{at}]", ("text",)) for at, item in enumerate(value)]
        return (Message("system", _joined(blocks, "system")),) if blocks else ()

    def _message(self, item: object, path: str) -> list[Message]:
        if not isinstance(item, dict):
            refuse(path, "an object with role and content", item)
        role = item.get("role")
        if role != "user" and role != "assistant" and role != "system":
            refuse(f"{path}.role", "one of user, assistant, system", role)
        self.media.ignored += [f"{path}.{name[:64]}" for name in item if name not in ("role", "content")]
        content, path = item.get("content"), f"{path}.content"
        if isinstance(content, str):
            return [Message(role, content)]
        if not isinstance(content, list) or not content:
            refuse(path, "a string or an array of at least one block", content)
        blocks = [self._block(block, f"{path}[{at}]", _OF_ROLE[role]) for at, block in enumerate(content)]
        match role:
            case "user":
                return self._user(blocks, path)
            case "assistant":
                return [self._assistant(blocks, path)]
            case _:
                return [Message("system", _joined(blocks, path))]

    def _block(self, block: object, path: str, kinds: tuple[str, ...]) -> _Block:
        if not isinstance(block, dict):
            refuse(path, 'an object like {"type": "text", "text": …}', block)
        kind = block.get("type")
        if not isinstance(kind, str) or kind not in kinds:
            refuse(f"{path}.type", f"one of {', '.join(kinds)}" if len(kinds) > 1 else kinds[0], kind)
        self.media.ignored += [
            f"{path}.{name[:64]}" for name in block if name not in _FIELDS[kind] and name not in _EVERY
        ]
        return block

    def _user(self, blocks: list[_Block], path: str) -> list[Message]:
        found: list[Message] = []
        said: list[str | Media] = []
        for at, block in enumerate(blocks):
            if block["type"] != "tool_result":
                said.append(self._shown(block, f"{path}[{at}]"))
                continue
            if said:
                found.append(_user(tuple(said)))
                said = []
            found.append(self._result(block, f"{path}[{at}]"))
        return [*found, _user(tuple(said))] if said else found

    def _shown(self, block: _Block, path: str) -> str | Media:
        """A block of text, or an image; a document or a result of a search as text."""
        match block["type"]:
            case "image":
                return self.media.anthropic(block, path)
            case "document":
                return self._document(block, path)
            case "search_result":
                about = (_string(block, "title", path), _string(block, "source", path))
                return _titled("search result", about, self._text(block.get("content"), f"{path}.content"))
            case _:
                return _string(block, "text", path)

    def _document(self, block: _Block, path: str) -> str:
        """A document whose content is text. Raises `UnsupportedInput` for a PDF, wherever it is."""
        source = block.get("source")
        if not isinstance(source, dict):
            refuse(f"{path}.source", 'an object like {"type": "text", "media_type": "text/plain", "data": …}', source)
        match source.get("type"):
            case "text":
                text = _string(source, "data", f"{path}.source")
            case "content":
                text = self._text(source.get("content"), f"{path}.source.content")
            case "base64" | "url" | "file" as kind:
                words = f"{path}.source is {kind}, which holds a PDF: documents are read as text only"
                raise UnsupportedInput(f"{words}; send its text as a source of type text", param=f"{path}.source")
            case kind:
                refuse(f"{path}.source.type", "text or content", kind)
        about = [block.get(name) for name in ("title", "context")]
        for name, value in zip(("title", "context"), about, strict=True):
            if value is not None and not isinstance(value, str):
                refuse(f"{path}.{name}", "a string", value)
        return _titled("document", about, text)

    def _text(self, content: object, path: str) -> str:
        """A string, or the text of blocks that hold nothing else."""
        if isinstance(content, str):
            return content
        if not isinstance(content, list):
            refuse(path, "a string or an array of text blocks", content)
        return _joined([self._block(block, f"{path}[{at}]", ("text",)) for at, block in enumerate(content)], path)

    def _result(self, block: _Block, path: str) -> Message:
        call = _string(block, "tool_use_id", path)
        if call not in self._calls:
            refuse(f"{path}.tool_use_id", "the id of a tool_use in an earlier message", call)
        wrong = block.get("is_error")
        if wrong is not None and not isinstance(wrong, bool):
            refuse(f"{path}.is_error", "true or false", wrong)
        parts = self._result_parts(block.get("content"), f"{path}.content")
        if wrong and not text_of(parts).lower().startswith("error"):
            parts = ("Error: ", *parts)  # the templates have no other place for it
        return Message("tool", text_of(parts), tool_call_id=call, parts=kept(parts))

    def _result_parts(self, content: object, path: str) -> Content:
        if content is None or isinstance(content, str):
            return (content or "",)
        if not isinstance(content, list):
            refuse(path, "a string or an array of blocks", content)
        blocks = [self._block(block, f"{path}[{at}]", _SHOWN) for at, block in enumerate(content)]
        return tuple(self._shown(block, f"{path}[{at}]") for at, block in enumerate(blocks))

    def _assistant(self, blocks: list[_Block], path: str) -> Message:
        text: list[str] = []
        thoughts: list[str] = []
        calls: list[ToolCall] = []
        for at, block in enumerate(blocks):
            where = f"{path}[{at}]"
            match block["type"]:
                case "text":
                    text.append(_string(block, "text", where))
                case "thinking":
                    thoughts.append(_string(block, "thinking", where))
                case "redacted_thinking":
                    self.media.ignored.append(where)
                case _:
                    calls.append(self._call(block, where))
        reasoning = "".join(thoughts) if thoughts else None
        if calls and not reasoning:
            self.missing_reasoning[path] = f"a thinking block in {path}"
        return Message("assistant", "".join(text), reasoning_content=reasoning, tool_calls=tuple(calls))

    def _call(self, block: _Block, path: str) -> ToolCall:
        for name in ("id", "name"):
            if not _string(block, name, path):
                refuse(f"{path}.{name}", "a non-empty string", "")
        arguments = block.get("input")
        if not isinstance(arguments, dict):
            refuse(f"{path}.input", "an object", arguments)
        call = ToolCall(str(block["id"]), str(block["name"]), arguments)
        self._calls.add(call.id)
        return call


def _joined(blocks: list[_Block], path: str) -> str:
    """The text of text blocks."""
    return "".join(_string(block, "text", f"{path}[{at}]") for at, block in enumerate(blocks))


def _titled(kind: str, about: Iterable[object], text: str) -> str:
    """`text` under a line that says what it is: what a model sees of a document."""
    return "\n".join([f"[{': '.join([kind, *(str(part) for part in about if part)])}]", text, ""])


def _user(parts: Content) -> Message:
    return Message("user", text_of(parts), parts=kept(parts))


def _string(block: _Block, name: str, path: str) -> str:
    value = block.get(name)
    if not isinstance(value, str):
        refuse(f"{path}.{name}", "a string", value)
    return value
