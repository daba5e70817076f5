"""The plain values that travel through the house: messages and requests in, events out.

Frozen and slotted; no wire format, no engine and no web framework is known here. What is made once a token is a msgspec
struct, made in a quarter of a dataclass's time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from mimo.contract.models import Model
    from mimo.contract.parameters import Params

Role = Literal["system", "user", "assistant", "tool"]
MediaKind = Literal["image", "audio", "video"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "repetition_truncation"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a function: `arguments` is parsed JSON, always a mapping."""

    id: str
    name: str
    arguments: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may call. `parameters`: a JSON Schema of type object; `strict`: hold arguments to it."""

    name: str
    description: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    strict: bool = False


@dataclass(frozen=True, slots=True)
class NamedTool:
    """A `tool_choice` that names the one function to call."""

    name: str


ToolChoice = Literal["auto", "none", "required"] | NamedTool


@dataclass(frozen=True, slots=True)
class JsonFormat:
    """A `response_format` other than text: any JSON object (`schema` None), or one that fits the schema."""

    schema: Mapping[str, object] | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Grammar:
    """What an answer is held to while it is sampled: `text` in Lark's syntax with llguidance's additions (`%json`, and
    `<name>` for a control token). It begins where the reasoning has ended; the turn ends only where it is complete.
    `json_values`: (function, parameter) pairs of MiMo's calls whose values are JSON that may hold strings."""

    text: str
    json_values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Media:
    """An image, a sound or a video in a message. `url`: a data URI, whose media type is that of its content; or the
    client's http(s) URL, until it is fetched.

    `path`: where the client put it, for errors. `format`: what the content is (`png`, `mp3`); of one that is not
    fetched yet what the client says it is, or "". `size`: bytes of content, 0 until fetched. `fps`, `resolution`: how a
    video is to be looked at, in frames a second and as the contract names it.
    """

    kind: MediaKind
    url: str = field(repr=False)
    path: str
    format: str = ""
    size: int = 0
    fps: float = 2.0
    resolution: str = "default"

    @property
    def fetched(self) -> bool:
        """Whether the content is here."""
        return self.url.startswith("data:")


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation. `content` is plain text: nothing in it is ever a control token.

    `parts`: text and media in their order, where there are media; `content` is then the text among them.
    """

    role: Role
    content: str = ""
    reasoning_content: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    parts: tuple[str | Media, ...] = ()

    @property
    def media(self) -> tuple[Media, ...]:
        """The media among the parts."""
        return tuple(part for part in self.parts if isinstance(part, Media))


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request after validation: every field concrete, nothing left to default."""

    model: Model
    params: Params
    messages: tuple[Message, ...]
    continues: bool = False
    """Whether the answer goes on from the last message, which is an assistant's, instead of following it."""

    @property
    def media(self) -> tuple[Media, ...]:
        """The media of all messages, in order."""
        return tuple(media for message in self.messages for media in message.media)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered conversation.

    `tokens`: the ids the engine decodes. `in_reasoning`: the prompt itself opened `<think>` and left it open, so
    the first sampled token is already reasoning.
    """

    tokens: tuple[int, ...]
    in_reasoning: bool = False


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """Raw log-probability (natural log, before any parameter) of a sampled token, and of the likeliest ones."""

    token: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


class ReasoningDelta(Struct, frozen=True, gc=False):
    """More text of the reasoning of one choice."""

    choice: int
    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


class ContentDelta(Struct, frozen=True, gc=False):
    """More visible text of one choice."""

    choice: int
    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


class ToolCallDelta(Struct, frozen=True, gc=False):
    """More of a call of one choice. `index` counts its calls from 0; `id` and `name` come once, with the first delta of
    a call, then pieces of `arguments`, which joined are valid JSON once the call is complete."""

    choice: int
    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


class Finish(Struct, frozen=True, gc=False):
    """The last event of a choice. `stop`: the stop text that ended it, if one did."""

    choice: int
    reason: FinishReason
    stop: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of a whole request; `reasoning_tokens` is part of `completion_tokens`."""

    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cached_tokens: int


Event = ReasoningDelta | ContentDelta | ToolCallDelta | Finish | Usage
