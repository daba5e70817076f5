"""The raw route of one upstream: token ids there, token ids back. What llama-server, vLLM and SGLang say of themselves.

    RawRequest → body from the column → reply → reader → RawEvent

A member is a subclass: its path, its columns, how it is found and how it is read. Knows no choice and no grammar.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

import msgspec

from mimo.contract.errors import EngineError, UpstreamError, UpstreamTimeout
from mimo.engines.upstream.chat.cells import ChatColumn
from mimo.engines.upstream.http.client import Client, encode
from mimo.engines.upstream.http.reply import Reply
from mimo.engines.upstream.raw.cells import RawColumn, in_parts
from mimo.engines.upstream.raw.request import RawEvent, RawRequest, Reader, checked_logprobs, raw_events
from mimo.tokenizers.base import Tokenizer
from mimo.tokenizers.hub import cached
from mimo.types import TokenLogprob, TokenRequest

Read = TypeVar("Read")
_AROUND_BYTES, _TOKEN_BYTES = 2**16, 512
"""Bounds of an answer that is not streamed: of each token with its text and log-probability, and of all around them."""


@dataclass(frozen=True, slots=True)
class UpstreamModel:
    """What an upstream says of its model. `context_window` in tokens. `source`: the path or the hub's id of what it has
    loaded."""

    name: str
    context_window: int
    version: str = ""
    source: str = ""

    @property
    def files(self) -> Path | None:
        """Where the model lies, if it can be read from here."""
        return local_path(self.source) or cached(self.source)


class RawRoute(ABC):
    """The raw route of an upstream that serves `model`, whose vocabulary is `tokenizer`'s."""

    name: ClassVar[str]
    """As in the table of engines."""
    path: ClassVar[str]
    column: ClassVar[RawColumn]
    media_column: ClassVar[ChatColumn]
    """How its chat route keeps each parameter, where a request holds media."""
    health: ClassVar[str] = "/health"
    """Answers 200 while the upstream is healthy."""
    reads_prompts: ClassVar[bool] = False
    """Whether it gives log-probabilities of a prompt: then it has the next two methods."""

    def __init__(self, client: Client, model: str, tokenizer: Tokenizer) -> None:
        """May take a second for a large vocabulary: call it off the event loop."""
        self.client = client
        self.model = model
        self.tokenizer = tokenizer
        self.end_ids = tuple(sorted(tokenizer.end_ids))

    @staticmethod
    @abstractmethod
    async def discover(client: Client, url: str, wanted: str | None) -> UpstreamModel:
        """Ask the upstream at `url` what it serves; `wanted`: which of several. Raises an `ApiError`, `EngineError`
        when it will never do."""

    @abstractmethod
    def reader(self, request: RawRequest) -> Reader:
        """A reader of the answer to `request`."""

    def body(self, request: RawRequest) -> dict[str, object]:
        """The body of `request`."""
        return self.column.body(request)

    def keeps_penalties(self, request: TokenRequest) -> bool:
        """Whether the upstream itself counts for the penalties of `request` what the contract counts."""
        return not in_parts(request)

    def prompt_body(self, prompt: tuple[int, ...], count: int) -> dict[str, object]:
        """The body of a request, not streamed, for the log-probabilities of `prompt` and the `count` likeliest ids."""
        raise NotImplementedError

    def prompt_logprobs(self, data: bytes, prompt: tuple[int, ...], count: int) -> Iterator[TokenLogprob]:
        """What the answer to that says of `prompt`'s tokens but the first. Raises as a `Reader` does."""
        raise NotImplementedError

    async def read_prompt(self, prompt: tuple[int, ...], count: int) -> tuple[TokenLogprob, ...]:
        """The log-probabilities of `prompt`'s tokens but the first, by a request of their own, so that neither the
        number of choices nor the way they are drawn changes them. Raises an `ApiError`."""
        most = len(prompt) * (count + 2)
        given = await self.whole(
            self.prompt_body(prompt, count), most, lambda data: tuple(self.prompt_logprobs(data, prompt, count))
        )
        return checked_logprobs(given, len(prompt) - 1, self.tokenizer.vocabulary)

    async def whole(self, body: Mapping[str, object], tokens: int, read: Callable[[bytes], Read]) -> Read:
        """What `read` makes, in a thread if it is long, of an answer that is not streamed and says something of at most
        `tokens`. Raises an `ApiError`."""
        reply = await self.client.send(self.path, encode(body))
        data = bytearray()
        try:
            while piece := await reply.read():
                data += piece
                reply.advance()
                if len(data) > _AROUND_BYTES + tokens * _TOKEN_BYTES:
                    raise UpstreamError("upstream sent far more than it was asked for")
            return read(bytes(data)) if len(data) < _AROUND_BYTES else await asyncio.to_thread(read, bytes(data))
        except (UpstreamError, UpstreamTimeout) as problem:
            reply.report(problem)
            raise
        except (ValueError, LookupError, RecursionError, msgspec.MsgspecError) as problem:
            unreadable = UpstreamError(f"upstream sent what cannot be read: {problem}")
            reply.report(unreadable)
            raise unreadable from problem
        finally:
            reply.close()

    async def send(self, request: RawRequest) -> Reply:
        """The answer to `request`, from its first byte on. Raises an `ApiError`."""
        return await self.client.send(self.path, encode(self.body(request)))

    async def logprobs_of(self, request: RawRequest, token: int) -> tuple[TokenLogprob, ...]:
        """The raw log-probabilities where `request` samples its one token, which its bias makes `token`."""
        if not (logprobs := (await self.one_token(request)).logprobs):
            raise UpstreamError(f"upstream gave no log-probability of token {token}")
        return logprobs[:1]

    async def one_token(self, request: RawRequest) -> RawEvent:
        """The event that holds the only token of `request`, or the end without one."""
        reply = await self.send(request)
        try:
            async for events in raw_events(self.reader(request), reply):
                for event in events:
                    if event.tokens or event.finish:
                        await reply.finish()  # what follows says no more, and the connection can be used again
                        return event
        finally:
            reply.close()
        raise UpstreamError("upstream ended its answer without saying why")


def local_path(named: str) -> Path | None:
    """A file or folder that an upstream names, if it can be read from here."""
    try:
        path = Path(named)
        return path if named and path.exists() else None
    except (OSError, ValueError):
        return None


def sole_model(listed: object, wanted: str | None) -> dict[str, object]:
    """The row of an OpenAI-style model list that is meant. Raises `EngineError`."""
    rows = listed.get("data") if isinstance(listed, dict) else None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) and row.get("id") for row in rows):
        raise UpstreamError("upstream lists no models")
    if wanted is None:
        return dict(rows[0])
    for row in rows:
        if row.get("id") == wanted:
            return dict(row)
    raise EngineError(f"upstream serves {', '.join(str(row.get('id')) for row in rows)}, not {wanted}")
