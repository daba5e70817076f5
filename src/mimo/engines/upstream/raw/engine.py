"""An engine behind us that takes token ids and gives token ids: what llama-server, vLLM and SGLang have in common.

    TokenRequest → refused by the column? → RawRequest → body from the column → reply → RawStream

A member says its routes, its own discovery and how it is read; its columns say how each parameter is sent. A request
with media cannot be ids: it goes by the engine's chat route (`chat_route.py`), if its operator says that its model
takes them.
"""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mimo.chat.base import check_text
from mimo.constraints.llguidance import vocabulary_of
from mimo.contract.errors import ApiError, UpstreamError
from mimo.contract.request import ChatRequest
from mimo.engines.base import Engine, EngineError, EngineInfo, EventStream, check_logit_bias, room_for
from mimo.engines.upstream.chat.cells import ChatColumn
from mimo.engines.upstream.chat.control_text import check_spelling
from mimo.engines.upstream.chat.route import ChatRoute
from mimo.engines.upstream.http.client import Client, Reply, encode
from mimo.engines.upstream.raw.cells import RawColumn
from mimo.engines.upstream.raw.request import Piece, RawRequest, Reader, pieces_of
from mimo.engines.upstream.raw.stream import RawStream
from mimo.tokenizers.base import Tokenizer
from mimo.tokenizers.load import load_tokenizer
from mimo.types import MediaKind, TokenLogprob, TokenRequest

log = logging.getLogger("mimo.upstream")


@dataclass(frozen=True, slots=True)
class Found:
    """What an engine says of itself. `files`: where its model lies, if that can be read from here."""

    model: str
    context_window: int
    version: str = ""
    files: Path | None = None


class RawEngine(Engine):
    """An engine by its raw route."""

    holds_grammar = True
    name: ClassVar[str]
    """As in the table of engines."""
    column: ClassVar[RawColumn]
    media_column: ClassVar[ChatColumn]
    path: ClassVar[str]
    """The raw route."""
    health: ClassVar[str] = "/health"
    """Answers 200 when the engine is well."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        model: str | None = None,
        tokenizer: Path | None = None,
        key: str | None = None,
        timeout: float = 300.0,
        wait: float = 60.0,
        media: Sequence[MediaKind] | None = None,
    ) -> None:
        """`model`: its name there, where it serves several. `wait`: seconds to wait for it at the start. `media`: what
        it takes beside text; None: nothing."""
        self.client = Client(urls, key=key, timeout=timeout)
        self._wanted = model
        self._tokenizer_path = tokenizer
        self._wait = wait
        self.media = tuple(media or ())
        self._chat = ChatRoute(self.client, "/v1/chat/completions", self.media_column, lambda _: self.model, split=True)
        self._streams: set[RawStream] = set()

    async def start(self) -> None:
        self.client.open()
        try:
            found = await self._wait_for()
            self.model = found.model
            path = self._tokenizer_path or found.files
            if path is None:
                raise EngineError(
                    f"{self.name} needs the model's tokenizer here: --tokenizer, its tokenizer.json or any GGUF of it"
                )
            loaded = await asyncio.to_thread(load_tokenizer, path)
            self.tokenizer: Tokenizer = loaded.tokenizer
            self.chat_template = loaded.template
            self.end_ids = tuple(sorted(self.tokenizer.end_ids))
            await asyncio.to_thread(self.prepare)
            # what a first grammar needs of the vocabulary takes a second for a large one: not in the loop's time
            self._preparing = asyncio.create_task(asyncio.to_thread(vocabulary_of, self.tokenizer))
            shown = found.model.rstrip("/").rpartition("/")[2].removesuffix(".gguf")
            version = "-".join(found.version.split())
            self.info = EngineInfo(
                self.name, shown, found.context_window, "-".join(filter(None, (self.name, shown, version)))
            )
        except ApiError as problem:
            await self.client.close()
            raise EngineError(f"{self.client.addresses[0].url}: {problem.message}") from problem
        except BaseException:
            await self.client.close()
            raise
        self.client.watch(self.health)

    async def _wait_for(self) -> Found:
        """RawRequest the addresses in turn until one answers or the time is up."""
        end = asyncio.get_running_loop().time() + self._wait
        while True:
            for address in self.client.addresses:
                try:
                    return await self.discover(address.url)
                except ApiError as problem:
                    last = problem
            if asyncio.get_running_loop().time() > end:
                raise last
            await asyncio.sleep(0.5)

    @abstractmethod
    async def discover(self, url: str) -> Found:
        """RawRequest the engine at `url` what it serves. Raises an `ApiError`, `EngineError` when it will never do."""

    @abstractmethod
    def reader(self, ask: RawRequest) -> Reader:
        """A reader of the answer to `ask`."""

    def prepare(self) -> None:
        """What a member needs of the tokenizer, computed once, beside the event loop."""

    def body(self, ask: RawRequest) -> dict[str, object]:
        """The request's body."""
        return self.column.body(ask)

    def generate(self, generation: TokenRequest) -> RawStream:
        room_for(generation, self.info)
        check_logit_bias(generation.sampling, self.tokenizer.vocabulary)
        self.column.check(generation)
        stream = RawStream(self, generation)
        self._streams.add(stream)
        return stream

    def chat(self, request: ChatRequest) -> EventStream:
        """Answer a request that holds media. Raises as `generate` does, and for text that the engine would not take as
        text: it looks for its control tokens in it."""
        check_logit_bias(request.params.sampling, self.tokenizer.vocabulary)
        check_text(request.messages, request.params.tools)
        check_spelling(request, self.tokenizer)
        return self._chat.chat(request)

    def forget(self, stream: RawStream) -> None:
        """A stream was closed."""
        self._streams.discard(stream)

    @property
    def well(self) -> bool:
        return self.client.healthy

    @property
    def running(self) -> int:
        """Generations that are open."""
        return len(self._streams) + self._chat.running

    async def send(self, ask: RawRequest) -> Reply:
        """The engine's answer to `ask`, from its first byte on. Raises an `ApiError`."""
        return await self.client.send(self.path, encode(self.body(ask)))

    async def logprobs_of(self, ask: RawRequest, token: int) -> tuple[TokenLogprob, ...]:
        """The raw logprobs at the place where `ask` samples its one token, which its bias makes `token`."""
        if not (logprobs := (await self.one_token(ask)).logprobs):
            raise UpstreamError(f"upstream gave no log-probability of token {token}")
        return logprobs[:1]

    async def one_token(self, ask: RawRequest) -> Piece:
        """The piece that holds the only token of `ask`, or the end without one."""
        reply = await self.send(ask)
        try:
            async for pieces in pieces_of(self.reader(ask), reply):
                for piece in pieces:
                    if piece.tokens or piece.finish:
                        return piece
        finally:
            reply.close()
        raise UpstreamError("upstream ended its answer without saying why")

    async def close(self) -> None:
        for stream in list(self._streams):
            stream.fail()
        self._chat.fail()
        await self.client.close()


def sole_model(listed: object, wanted: str | None) -> dict[str, object]:
    """The row of an OpenAI-style model list that is meant. Raises `EngineError`."""
    rows = listed.get("data") if isinstance(listed, dict) else None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise UpstreamError("upstream lists no models")
    if wanted is None:
        return dict(rows[0])
    for row in rows:
        if row.get("id") == wanted:
            return dict(row)
    raise EngineError(f"upstream serves {', '.join(str(row.get('id')) for row in rows)}, not {wanted}")
