"""What a server that speaks Chat Completions sends, as far as it is read here; other members are passed over.

Knows no HTTP. A form that does not fit is a `msgspec.MsgspecError`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec


class Token(msgspec.Struct, frozen=True):
    """A sampled token as text, and the natural logarithm of its probability."""

    token: str
    logprob: float


class _Logprobs(msgspec.Struct, frozen=True):
    content: list[Token] | None = None


class _Delta(msgspec.Struct, frozen=True):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    """The name that vLLM and others use for it."""


class _Choice(msgspec.Struct, frozen=True):
    delta: _Delta | None = None
    logprobs: _Logprobs | None = None
    finish_reason: str | None = None


class _Reasoning(msgspec.Struct, frozen=True):
    reasoning_tokens: int | None = None


class _Cached(msgspec.Struct, frozen=True):
    cached_tokens: int | None = None


class Usage(msgspec.Struct, frozen=True):
    """Token counts; 0 where the server gives none."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    completion_tokens_details: _Reasoning | None = None
    prompt_tokens_details: _Cached | None = None

    @property
    def reasoning(self) -> int:
        """Those of `completion_tokens` that were thought."""
        return (self.completion_tokens_details and self.completion_tokens_details.reasoning_tokens) or 0

    @property
    def cached(self) -> int:
        """Those of `prompt_tokens` that were not computed again."""
        return (self.prompt_tokens_details and self.prompt_tokens_details.cached_tokens) or 0


class Piece(msgspec.Struct, frozen=True):
    """Some text of an answer. `reasoning`: it is thought, not said. `tokens`: what it was made of, where asked for."""

    text: str
    reasoning: bool = False
    tokens: tuple[Token, ...] = ()


class Ending(msgspec.Struct, frozen=True):
    """Why the answer ended, and its token counts."""

    reason: str = "stop"
    usage: Usage = Usage()


class Chunk(msgspec.Struct, frozen=True):
    """One event of a stream."""

    choices: list[_Choice] | None = None
    usage: Usage | None = None
    error: Any = None

    @property
    def reason(self) -> str:
        """Why the answer ends here; "" where it goes on."""
        return next((choice.finish_reason for choice in self.choices or () if choice.finish_reason), "")

    def pieces(self) -> Iterator[Piece]:
        """The text that it brings."""
        for choice in self.choices or ():
            if choice.delta is None:
                continue
            if thought := choice.delta.reasoning_content or choice.delta.reasoning:
                yield Piece(thought, reasoning=True)
            if choice.delta.content:
                tokens = choice.logprobs.content if choice.logprobs else None
                yield Piece(choice.delta.content, tokens=tuple(tokens or ()))


class ServedBy(msgspec.Struct, frozen=True):
    """What really computes, where a server says so, as ours do."""

    engine: str
    model: str
    context_window: int
    input: tuple[str, ...] = ("text",)


class Listed(msgspec.Struct, frozen=True):
    """One of a server's models."""

    id: str
    served_by: ServedBy | None = None


class Models(msgspec.Struct, frozen=True):
    """GET /v1/models."""

    data: list[Listed]


class _Finished(msgspec.Struct, frozen=True):
    finish_reason: str | None = None


class _Error(msgspec.Struct, frozen=True):
    code: str | None = None


class _Failed(msgspec.Struct, frozen=True):
    error: _Error


class Whole(msgspec.Struct, frozen=True):
    """A response that was not streamed."""

    choices: list[_Finished]


def error_code(body: bytes) -> str:
    """The code of an error in OpenAI's envelope; "" where there is none."""
    try:
        return msgspec.json.decode(body, type=_Failed).error.code or ""
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return ""


def error_message(body: bytes) -> str:
    """What an error body says to a person, in one line; "" where it says nothing known."""
    try:
        said: Any = msgspec.json.decode(body)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return ""
    for name in ("error", "detail", "message"):
        if isinstance(said, dict) and said.get(name):
            said = said[name]
    return " ".join(said.split())[:2000] if isinstance(said, str) else ""
