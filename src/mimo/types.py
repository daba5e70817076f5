"""The plain values that everything is made of: messages, sampling parameters, requests for tokens, events.

Frozen and slotted; imports nothing of ours. What is made for every token or every request is a msgspec struct, which
costs a tenth of a frozen dataclass to make.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Role = Literal["system", "user", "assistant", "tool"]
MediaKind = Literal["image", "audio", "video"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "repetition_truncation"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a function in a history. `arguments`: parsed JSON, or the text as it came where it is no object."""

    id: str
    name: str
    arguments: Mapping[str, object] | str


class Markers(NamedTuple):
    """Names of the control tokens around a part of an answer."""

    opens: str
    closes: str


THINK = Markers("<think>", "</think>")
"""Around reasoning."""
CALL = Markers("<tool_call>", "</tool_call>")
"""Around a call of a function, where a dialect does not say otherwise."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may call. `parameters`: a JSON Schema of type object; `strict`: whether the client wants
    arguments to fit it; `enforced`: whether they do, for `tool_choice` says so too: `followed`, if it is not None, is
    then the part of `parameters` that they fit, and `left_out` has the paths of the rest."""

    name: str
    description: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    strict: bool = False
    enforced: bool = False
    followed: Mapping[str, object] | None = None
    left_out: tuple[str, ...] = ()

    @property
    def rules(self) -> Mapping[str, object]:
        """The schema that enforced arguments fit."""
        return self.parameters if self.followed is None else self.followed


@dataclass(frozen=True, slots=True)
class NamedTool:
    """A `tool_choice` that names the one function to call."""

    name: str


ToolChoice = Literal["auto", "none", "required"] | NamedTool


@dataclass(frozen=True, slots=True)
class JsonFormat:
    """A `response_format` other than text: any JSON object (`schema` None), or one that fits the schema, which
    stands at `path` of the request."""

    schema: Mapping[str, object] | None = None
    name: str = ""
    path: str = field(default="", compare=False)


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


class Message(Struct, frozen=True):
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
        return tuple([part for part in self.parts if isinstance(part, Media)]) if self.parts else ()


class Sampling(Struct, frozen=True):
    """How tokens are drawn, from the request to the maths. No field has a default: those are the contract's.

    seed: 0 … 2^63 − 1; every choice of a request draws for itself. logit_bias: (token id, what is added to its logit)
    pairs; an id that is given twice gets the sum. logprobs: None, none wanted; 0 … 20, the drawn token's own and that
    many of the most probable ones.
    """

    temperature: float
    top_p: float
    frequency_penalty: float
    presence_penalty: float
    seed: int
    logit_bias: tuple[tuple[int, float], ...]
    logprobs: int | None


class MediaRow(int):
    """A row of a medium, where a prompt has token ids: negative, and equal to none but the same row of the same
    content, so that prompts are compared as they are. `kind`: what it is of; `source`: its medium, for the engine;
    `row`: which."""

    kind: MediaKind
    source: object
    row: int

    def __new__(cls, digest: bytes, row: int, kind: MediaKind, source: object) -> MediaRow:
        """`digest`: 16 bytes of the content."""
        self = super().__new__(cls, -1 - (int.from_bytes(digest) + row) % 2**127)
        self.kind, self.source, self.row = kind, source, row
        return self


class Prompt(Struct, frozen=True):
    """A rendered conversation.

    `tokens`: the ids the engine decodes, and a `MediaRow` for each row of its media. `in_reasoning`: the prompt itself
    opened `<think>` and left it open, so the first sampled token is already reasoning. `media`: whether there are any.
    `given`: tokens at its end that count as the answer's, which is given them.
    """

    tokens: tuple[int, ...]
    in_reasoning: bool = False
    media: bool = False
    given: int = 0

    @property
    def media_tokens(self) -> tuple[tuple[MediaKind, int], ...]:
        """How many rows there are of each kind of media that is there."""
        if not self.media:
            return ()
        counts = Counter(token.kind for token in self.tokens if isinstance(token, MediaRow))
        return tuple(sorted(counts.items()))


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """Raw log-probability (natural log, before any parameter) of a sampled token, and of the likeliest ones."""

    token: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


Allowed: TypeAlias = "int | NDArray[np.uint32] | None"
"""What may be sampled next. None: everything. An int: that token is forced. An array: uint32 [ceil(vocabulary / 32)],
token t is allowed when bit t % 32 of word t // 32 is set."""


class Constraint(Protocol):
    """Says before every step of a choice what may be sampled, and hears after it what was."""

    def allowed(self) -> Allowed:
        """What may come next. Not to be written to; an array is good until the next call of this method."""

    def accept(self, token: int) -> None:
        """`token` was sampled. Not called where nothing could be."""


class Constrain(Protocol):
    """Makes the constraint of one choice. Quick; does not fail."""

    @property
    def every_token(self) -> bool:
        """Whether what is allowed may change with every token, as under a grammar; else it changes seldom."""

    @property
    def changes(self) -> bool:
        """Whether what is allowed changes for another reason than `min_tokens`."""

    def __call__(self, choice: int, limit: int) -> Constraint | None:
        """What `choice` must follow, None: nothing. `limit`: tokens that it may have, at most."""


class TokenRequest(Struct, frozen=True):
    """One prompt to continue `n` times (choice 0 … n-1), each with its own budget and its own draws.

    `max_completion_tokens` bounds the sampled tokens of a choice, the end-of-turn token not counted. `min_tokens`: no
    end-of-turn token may come before this many others, which `constrain` sees to too: it makes what each choice must
    follow; None: nothing. `prompt_logprobs`: as `Sampling.logprobs`, for the tokens of the prompt. `seeded`: the client
    gave the seed, so the same request is to give the same tokens.
    """

    prompt: tuple[int, ...]
    sampling: Sampling
    max_completion_tokens: int
    min_tokens: int
    n: int
    constrain: Constrain | None = None
    prompt_logprobs: int | None = None
    seeded: bool = True


class TokenBatch(Struct, frozen=True, gc=False):
    """Tokens of one choice that became ready together.

    `finish`: None while it goes on; `stop` after the end-of-turn token (which is not among `tokens`); `length` at the
    limit or the window. `logprobs` runs along `tokens` when asked for, and is empty otherwise.
    """

    choice: int
    tokens: tuple[int, ...]
    logprobs: tuple[TokenLogprob, ...] = ()
    finish: Literal["stop", "length"] | None = None


class Echo(Struct, frozen=True, gc=False):
    """The prompt of one choice, ahead of what it samples. `logprobs` runs along `tokens` where it is wanted, None for
    the first, which follows nothing."""

    choice: int
    tokens: tuple[int, ...]
    logprobs: tuple[TokenLogprob | None, ...] = ()


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


class CompleteCall(Struct, frozen=True, gc=False):
    """A call of one choice, always whole. `index` counts its calls from 0; `arguments`: a JSON object as text."""

    choice: int
    index: int
    id: str
    name: str
    arguments: str


class Finish(Struct, frozen=True, gc=False):
    """The last event of a choice. `stop`: the stop text that ended it, if one did."""

    choice: int
    reason: FinishReason
    stop: str | None = None


class Usage(Struct, frozen=True, gc=False):
    """Token counts of a whole request; `reasoning_tokens` is part of `completion_tokens`, and `media_tokens` of
    `prompt_tokens`: those of each kind that is there."""

    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cached_tokens: int
    media_tokens: tuple[tuple[MediaKind, int], ...] = ()


Event = Echo | ReasoningDelta | ContentDelta | CompleteCall | Finish | Usage
