"""An OpenAI-compatible chat route: all that a hosted API has, and of the other engines the one that takes media.

    ChatRequest → refused by the column? → body from the column → reply → ChatStream

n choices are n requests, each with a seed of its own. Knows no engine; the table says how each parameter is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from mimo.contract.request import ChatRequest
from mimo.engines.upstream.chat.cells import ChatColumn
from mimo.engines.upstream.chat.stream import ChatStream
from mimo.engines.upstream.http import errors
from mimo.engines.upstream.http.client import Client, encode
from mimo.engines.upstream.http.reply import Reply
from mimo.engines.upstream.seeds import derived_seed


class ChatRoute:
    """The route at `path` of an engine. `column`: how it keeps each parameter. `model_id`: its name for a model.
    `split`: the reasoning must be split off by a parser that the upstream may lack; unsplit reasoning is an error."""

    def __init__(
        self,
        client: Client,
        path: str,
        column: ChatColumn,
        model_id: Callable[[str], str],
        *,
        split: bool = False,
    ) -> None:
        self._split = split
        self._client = client
        self._path = path
        self._column = column
        self._model_id = model_id
        self._streams: set[ChatStream] = set()

    def chat(self, request: ChatRequest) -> ChatStream:
        """Answer `request`. Raises `UnsupportedParameter` before anything is sent."""
        self._column.check(request)
        stream = ChatStream(request, partial(self._send, request), self._streams.discard, split=self._split)
        self._streams.add(stream)
        return stream

    async def _send(self, request: ChatRequest, choice: int) -> Reply:
        """The answer to one choice of `request`, from its first byte on. Raises an `ApiError`."""
        seed = derived_seed(request.params.sampling.seed, choice, 0)
        one = replace(request, params=replace(request.params, sampling=replace(request.params.sampling, seed=seed)))
        body = {"model": self._model_id(request.model.id), **self._column.body(one)}
        media = request.media
        of_status = partial(errors.of_media, media[0].path) if media else errors.of_status
        return await self._client.send(self._path, encode(body), of_status)

    @property
    def running(self) -> int:
        """Requests that are open."""
        return len(self._streams)

    def fail(self) -> None:
        """The engine is closing: all readers get `ServiceUnavailable`."""
        for stream in list(self._streams):
            stream.fail()
