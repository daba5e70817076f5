"""The answer of a chat route as events: n choices are n requests, read side by side; usage is the upstream's own.

Knows no chunk and no engine: `choice.py` reads, the route sends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from mimo.contract.errors import ApiError, ServiceUnavailable, UpstreamError, UpstreamTimeout
from mimo.contract.request import ChatRequest
from mimo.engines.base import EventStream
from mimo.engines.merge import merge
from mimo.engines.upstream.chat.choice import ChoiceReader
from mimo.engines.upstream.http.events import AnswerEvents
from mimo.engines.upstream.http.reply import Reply
from mimo.types import Event, Usage

_LAST_SECONDS = 1.0
"""How long to wait for what an upstream says after the end of an answer: its usage."""


class ChatStream(EventStream):
    """One request. `send(choice)`: the reply to one of its choices, from its first byte on. `forget(stream)`: called
    when it is closed. `split`: as in `ChoiceReader`."""

    def __init__(
        self,
        request: ChatRequest,
        send: Callable[[int], Awaitable[Reply]],
        forget: Callable[[ChatStream], None],
        *,
        split: bool,
    ) -> None:
        choices = range(request.params.n)
        self._readers = [ChoiceReader(choice, request.params, split=split) for choice in choices]
        self._send = send
        self._forget = forget
        self._replies: dict[int, Reply] = {}
        self._closed = False
        self._failed = False

    async def accepted(self) -> None:
        if not self._replies:
            await asyncio.gather(*(self._open(choice) for choice in range(len(self._readers))))

    async def _open(self, choice: int) -> None:
        reply = await self._send(choice)
        self._replies[choice] = reply
        if self._closed:  # another was refused, or the client has left
            reply.close()

    async def __aiter__(self) -> AsyncIterator[list[Event]]:
        try:
            await self.accepted()
            choices = [self._choice(reader, self._replies[at]) for at, reader in enumerate(self._readers)]
            async for batch in choices[0] if len(choices) == 1 else merge(choices):
                yield batch
            yield [self._usage()]
        except UpstreamError:
            if self._failed:
                raise ServiceUnavailable.shutting_down() from None
            raise
        finally:
            self.close()

    async def _choice(self, reader: ChoiceReader, reply: Reply) -> AsyncIterator[list[Event]]:
        answer = AnswerEvents()
        try:
            while data := await reply.read():
                before = reader.chunks
                if events := [event for chunk in answer.feed(data) for event in reader.read(chunk)]:
                    yield events
                if reader.chunks > before:
                    reply.advance()
                if answer.done or reader.reason is not None:
                    break
            else:
                if events := [event for chunk in answer.end() for event in reader.read(chunk)]:
                    yield events
            yield reader.end()
            if answer.done:
                await reply.finish()
            elif not reader.cut:
                await self._read_rest(reply, answer, reader)
        except (UpstreamError, UpstreamTimeout) as problem:
            if not self._failed:
                reply.report(problem)
            raise
        finally:
            reply.close()

    async def _read_rest(self, reply: Reply, answer: AnswerEvents, reader: ChoiceReader) -> None:
        """Read what follows the end of the answer, for its counts and so that the connection can be used again."""
        with suppress(ApiError, TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                while data := await reply.read():
                    for chunk in answer.feed(data):
                        reader.read(chunk)
                    if answer.done:
                        return

    def _usage(self) -> Usage:
        """The prompt once, the rest over all choices."""
        counts = [reader.usage() for reader in self._readers]
        return Usage(
            max(one.prompt_tokens for one in counts),
            sum(one.completion_tokens for one in counts),
            sum(one.reasoning_tokens for one in counts),
            max(one.cached_tokens for one in counts),
        )

    def close(self) -> None:
        self._closed = True
        for reply in self._replies.values():
            reply.close()
        self._forget(self)

    def fail(self) -> None:
        """The engine is closing: the reader gets `ServiceUnavailable`."""
        self._failed = True
        self.close()
