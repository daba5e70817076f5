"""The one runner that every protocol goes through: from the body of a request to the last byte of its answer.

    decode → admit → prepare → start → accepted → stream or whole, settle before the last bytes

Everything that can be refused is refused before the first byte is sent; what was admitted is settled once, however it
ends. What takes long is done in a thread, so that running streams go on. Knows no wire format.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from msgspec.structs import replace

from mimo.api import sse
from mimo.api.backend import Backend
from mimo.api.exchange import Exchange
from mimo.api.observer import Admission, Observation, Settlement, Times
from mimo.api.protocols.base import Protocol, Source
from mimo.api.protocols.fields import (
    Decoded,
    wire_names,
    with_reports,
    with_spelled_tools,
    without_texts,
    without_thinking,
)
from mimo.contract.request import ChatRequest
from mimo.engines.base import EventStream
from mimo.generate.fallbacks import cannot_constrain_texts, cannot_think, spells_tools
from mimo.generate.prepare import is_quick, prepare
from mimo.generate.prompt import check_media
from mimo.generate.request import Prepared, TextRequest
from mimo.generate.start import start
from mimo.media.fetch.request import with_content
from mimo.types import Event, Finish, FinishReason, Usage

LARGE = 64 * 1024
"""Bytes of a body from which on it is worth another thread."""
log = logging.getLogger("mimo.api")


async def answer(protocol: Protocol[Any], backend: Backend, exchange: Exchange) -> None:
    """Answer one request. Raises `ApiError`; before the first byte of a stream that is a plain HTTP error."""
    decoded, large = await _decode(protocol, backend, exchange)
    exchange.admission = _admission(protocol, decoded.request, exchange, backend)
    tally = Tally(await backend.observer.admit(exchange.admission), exchange.began)
    exchange.late = lambda: tally.observation.headers
    try:
        with wire_names(decoded.names or protocol.wire_names):
            await _run(protocol, backend, exchange, decoded, large, tally)
    except BaseException as error:
        exchange.settlement = tally.settle(exchange.cut_by or error)
        raise
    exchange.settlement = tally.settle(None)


async def _decode(protocol: Protocol[Any], backend: Backend, exchange: Exchange) -> tuple[Decoded[Any], bool]:
    """The request, and whether its body is large. The body is not kept: with media in it, it is too large for that."""
    body = await exchange.body(backend.body_limit, backend.policy.body_seconds, backend.slow, backend.room)
    large = len(body) >= LARGE
    arguments = body, backend.models, backend.policy
    decoded = await backend.slow.run(protocol.decode, *arguments) if large else protocol.decode(*arguments)
    exchange.forget_body()
    return decoded, large


def _admission(
    protocol: Protocol[Any], request: ChatRequest | TextRequest, exchange: Exchange, backend: Backend
) -> Admission:
    prompts = len(request.prompts) if isinstance(request, TextRequest) else 1
    choices = request.params.n * prompts
    return Admission(
        exchange.id,
        protocol.name,
        exchange.key,
        request.model,
        request.params,
        choices,
        backend.engine.info.label,
        exchange.header("x-mimo-cost") in ("1", "true"),
    )


async def _run(
    protocol: Protocol[Any], backend: Backend, exchange: Exchange, decoded: Decoded[Any], large: bool, tally: Tally
) -> None:
    loaded = backend.started()
    engine, chat_format = loaded.engine, loaded.chat_format
    if cannot_think(decoded.request, engine, chat_format):
        decoded = without_thinking(decoded)
    if spells_tools(decoded.request, engine, chat_format):
        decoded = with_spelled_tools(decoded, backend.policy)
    if cannot_constrain_texts(decoded.request, engine, chat_format):
        decoded = without_texts(decoded, backend.policy)
    request = decoded.request
    if isinstance(request, ChatRequest) and engine.capabilities.media_rows:  # they are part of the prompt
        check_media(request, engine)
        request = await with_content(request, backend.fetcher)
    if large or not is_quick(request, chat_format):
        prepared = await _prepare_slowly(backend, request)
    else:
        prepared = prepare(request, engine, chat_format)
    if prepared.left_out:
        decoded = with_reports(decoded, prepared.left_out, decoded.names or protocol.wire_names, backend.policy)
    longest = prepared.request.params.max_completion_tokens
    if (allowed := await tally.observation.prepared(prepared.prompt_tokens, longest)) < longest:
        prepared = prepared.no_longer_than(allowed)
    if not prepared.prompts and isinstance(prepared.request, ChatRequest) and prepared.request.media:
        prepared = replace(prepared, request=await with_content(prepared.request, backend.fetcher))
    truncate = backend.policy.repetition_truncation
    with closing(start(prepared, engine, repetition_truncation=truncate)) as stream:
        tally.start(stream)
        await stream.accepted()  # what an upstream refuses is still a plain HTTP error
        tally.observation.started()
        repeatable = engine.capabilities.repeatable(prepared.request.params.seed_given)
        source = Source(engine.info.fingerprint, engine.tokenizer.piece, lambda: tally.usage()[0], repeatable)
        send = _stream if decoded.request.params.stream else _whole
        await send(protocol, exchange, decoded, source, tally)


async def _prepare_slowly(backend: Backend, request: ChatRequest | TextRequest) -> Prepared:
    """`prepare` in a thread, which does not go on when the client has left."""
    abandoned = threading.Event()
    try:
        return await backend.slow.run(prepare, request, backend.engine, backend.chat_format, abandoned)
    finally:
        abandoned.set()


async def _stream(
    protocol: Protocol[Any], exchange: Exchange, decoded: Decoded[Any], source: Source, tally: Tally
) -> None:
    frames = protocol.frames(decoded, source)
    headers = [*sse.HEADERS, *decoded.response_headers(source.repeatable)]
    await exchange.start_stream(sse.CONTENT_TYPE, headers, sse.ALIVE, frames.error_frame)
    await exchange.write(frames.first(tally.usage()[0].prompt_tokens))
    said: Lines = ()
    async for events in tally.stream:
        tally.add(events)
        if tally.complete:
            said = tally.end()
        await exchange.write(frames.frames(events))
    await exchange.end(b"".join([sse.comment(f"{name}: {value}") for name, value in said]))


async def _whole(
    protocol: Protocol[Any], exchange: Exchange, decoded: Decoded[Any], source: Source, tally: Tally
) -> None:
    body = protocol.body(decoded, source)
    async for events in tally.stream:
        tally.add(events)
        body.add(events)
    content = body.body()
    headers = [*tally.observation.headers, *decoded.response_headers(source.repeatable), *tally.end()]
    exchange.late = tuple  # what is left is said as it was before the settlement, as in a stream
    await exchange.reply(200, content, headers=headers)


Lines = Sequence[tuple[str, str]]
"""Headers of a whole answer, comments of a stream."""


class Tally:
    """Counts what one admitted request gets, and settles it."""

    def __init__(self, observation: Observation, began: float) -> None:
        self.observation = observation
        self._began = began
        self._admitted = time.perf_counter() - began
        self._submitted: float | None = None
        self._first_token: float | None = None
        self.stream: EventStream = _NOTHING
        self._pieces = 0
        self._finish: list[FinishReason] = []
        self._usage: Usage | None = None
        self._settled: Settlement | None = None
        self.complete = False
        """Whether all of the answer has come: the counts are its last event."""

    def start(self, stream: EventStream) -> None:
        """The engine has the request."""
        self.stream = stream
        self._submitted = time.perf_counter() - self._began

    def add(self, events: list[Event]) -> None:
        """Take the next batch."""
        if not self._pieces:
            self._first_token = time.perf_counter() - self._began
            self.observation.first_token()
        self._pieces += len(events)
        for event in events:
            if type(event) is Finish:
                self._finish.append(event.reason)
            elif type(event) is Usage:
                self._usage, self.complete = event, True

    def usage(self) -> tuple[Usage, bool]:
        """The counts so far, and whether they are exact."""
        counted = self._usage or self.stream.usage()
        if counted is not None:
            return counted, True
        return Usage(0, self._pieces - len(self._finish), 0, 0), False

    def end(self) -> Lines:
        """What the observer has to say with the last bytes of a complete answer, which is settled before they go out:
        what a client has as a whole is settled even if the process is killed."""
        self._settled = self._settlement(None)
        said = self.observation.closing(self._settled)
        self._say(self._settled)
        return said

    def settle(self, error: BaseException | None) -> Settlement:
        """Tell the observer how the request has ended, unless it knows. The error is not kept: it holds this tally."""
        return self._settled or self._say(self._settlement(error))

    def _say(self, settlement: Settlement) -> Settlement:
        """Tell the observer; a failing one is logged."""
        try:
            self.observation.settle(settlement)
        except Exception:
            log.exception("settling failed")
        return settlement

    def _times(self) -> Times:
        begun = self.stream.begun
        ended = time.perf_counter() - self._began
        since = None if begun is None else begun - self._began
        return Times(self._admitted, self._submitted, since, self._first_token, ended)

    def _settlement(self, error: BaseException | None) -> Settlement:
        return Settlement(*self.usage(), tuple(self._finish), error, self._times())


class _Nothing(EventStream):
    """The stream of a request that was admitted and never started."""

    def __aiter__(self) -> Any:
        raise NotImplementedError

    def usage(self) -> Usage:
        return Usage(0, 0, 0, 0)

    def close(self) -> None:
        return


_NOTHING = _Nothing()
