"""One choice of a `TokenRequest` on a raw route: asked for until it ends.

    request → events → what counts of them (`taker.py`) → TokenBatch

With a thinking budget or a grammar it is several requests, each going on from the prompt and all tokens so far: under a
budget one ends where the rule of what may come next changes; under a grammar it runs free, and a token that is not
allowed is drawn again among those that are (`redraw.py`). `by_token` every token is a request. Knows no engine's
format and no stop strings.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from msgspec.structs import replace

from mimo.contract.errors import ApiError, ServiceUnavailable, UpstreamError
from mimo.engines.upstream.http.reply import Reply
from mimo.engines.upstream.raw.redraw import Redraw, Requests
from mimo.engines.upstream.raw.request import RawEvent, RawRequest, raw_events
from mimo.engines.upstream.raw.route import RawRoute
from mimo.engines.upstream.raw.taker import Taker
from mimo.types import Allowed, TokenBatch, TokenRequest

_LAST_SECONDS = 1.0
"""How long to wait for what an upstream says after the end of an answer."""


class ChoiceStream:
    """One choice. `room`: tokens that the window leaves. `cached`: prompt tokens its first request found computed."""

    def __init__(self, route: RawRoute, request: TokenRequest, choice: int, room: int, by_token: bool = False) -> None:
        self.cached = 0
        self.failed = False
        self._route = route
        self._prompt_tokens = len(request.prompt)
        self._choice = choice
        self._taker = Taker(request, choice, route.tokenizer, room)
        self._requests = Requests(route, request, choice, self._taker)
        self._redraw = Redraw(route, request, self._requests, self._taker, choice, by_token)
        self._by_token = by_token
        self._first: TokenBatch | None = None
        self._plain = not self._taker.guided and request.sampling.logprobs is None
        """Whether what arrives is taken or cut, and nothing more is asked for."""
        self._open: tuple[RawRequest, Reply] | None = None
        self._closed = False

    async def open(self) -> None:
        """Send the first request, unless that was done; raises the `ApiError` with which it is refused."""
        if self._by_token:
            self._first = self._first or await self._redraw.draw()
            self.cached = min(self._redraw.cached, self._prompt_tokens)
        elif self._open is None and not isinstance(self._taker.allowed(), int):
            request = self._requests.rest(self._taker.allowed())
            self._open = request, await self._route.send(request)
            if self._closed:
                self.close()

    def close(self) -> None:
        """Stop: the upstream sees its connection closed. Idempotent."""
        self._closed = True
        if self._open is not None:
            self._open[1].close()

    async def batches(self) -> AsyncIterator[list[TokenBatch]]:
        """The tokens as they come, until the end of the choice."""
        try:
            if self._by_token:
                await self.open()
            while not self._closed:
                if self._by_token:
                    one, self._first = self._first or await self._redraw.draw(), None
                    yield [one]
                    if one.finish:
                        return
                    continue
                allowed = self._taker.allowed()
                if isinstance(allowed, int):
                    batch = [await self._redraw.force(allowed)]
                    yield batch
                    if batch[-1].finish:
                        return
                    continue
                async for batch in self._one_request(allowed):
                    yield batch
                    if batch[-1].finish:
                        return
            if self.failed:
                raise ServiceUnavailable.shutting_down()
        finally:
            self.close()

    async def _one_request(self, allowed: Allowed) -> AsyncIterator[list[TokenBatch]]:
        """Until the choice ends or what is allowed changes."""
        await self.open()
        assert self._open is not None
        request, reply = self._open
        arriving = raw_events(self._route.reader(request), reply)
        try:
            async for events in arriving:
                self._note_cached(events)
                if self._plain:
                    batch, changed = self._take(events, allowed)
                else:
                    batch, changed = await self._take_guided(events, allowed, reply)
                finish = batch[-1].finish if batch else None
                if finish and not reply.complete:  # hand the tokens on before waiting for the counts
                    yield [*batch[:-1], replace(batch[-1], finish=None)]
                    await self._read_rest(arriving)
                    batch = [TokenBatch(self._choice, (), finish=finish)]
                if batch:
                    yield batch
                if changed or finish:
                    return
            raise UpstreamError("upstream ended its answer without saying why")
        except UpstreamError:
            if not self._closed:  # else it is our own doing
                raise
        finally:
            reply.close()
            if not self._closed:
                self._open = None

    def _take(self, events: list[RawEvent], allowed: Allowed) -> tuple[list[TokenBatch], bool]:
        """What counts of events that arrived together, and whether the request ends with them."""
        batch: list[TokenBatch] = []
        for event in events:
            taken, changed = self._taker.take(event, allowed)
            if taken.tokens or taken.finish:
                batch.append(taken)
            if changed or taken.finish:
                return batch, changed
        return batch, False

    async def _take_guided(
        self, events: list[RawEvent], allowed: Allowed, reply: Reply
    ) -> tuple[list[TokenBatch], bool]:
        """As `_take`, with the log-probabilities that were left out, and a token drawn again where the grammar does not
        allow the one that came."""
        batch: list[TokenBatch] = []
        for event in events:
            taken, changed = self._take([event], allowed)
            batch += [await self._redraw.fill_logprobs(one) for one in taken]
            if changed and self._taker.guided:
                reply.close()
                batch.append(await self._redraw.draw())
            if changed or (taken and taken[-1].finish):
                return batch, changed
        return batch, False

    async def _read_rest(self, arriving: AsyncIterator[list[RawEvent]]) -> None:
        """Read what follows the end of the answer, for its counts and so that the connection can be used again."""
        with suppress(ApiError, TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                async for events in arriving:
                    self._note_cached(events)
                    if any(event.tokens for event in events):
                        return

    def _note_cached(self, events: list[RawEvent]) -> None:
        """Keep how many prompt tokens the first request found computed."""
        for event in events:
            if event.cached is not None and self._requests.sent == 1:
                self.cached = max(0, min(event.cached, self._prompt_tokens))
