"""The raw route of one upstream: token ids there, token ids back. What llama-server, vLLM and SGLang say of themselves.

    RawRequest → body from the column → reply → reader → RawEvent

A member is a subclass: its path, its columns, how it is found and how it is read. Knows no choice and no grammar.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mimo.contract.errors import EngineError, UpstreamError
from mimo.engines.upstream.chat.cells import ChatColumn
from mimo.engines.upstream.http.client import Client, Reply, encode
from mimo.engines.upstream.raw.cells import RawColumn
from mimo.engines.upstream.raw.request import RawEvent, RawRequest, Reader, raw_events
from mimo.tokenizers.base import Tokenizer
from mimo.tokenizers.hub import cached
from mimo.types import TokenLogprob


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
