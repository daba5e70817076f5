"""POST /v1/chat/completions: the way of a request on the OpenAI protocol, whole or streamed.

    body → decode → generate → (200 and chunks | one object)

Everything that can be refused is refused before the first byte is sent. Knows the order of things, no format.
"""

from __future__ import annotations

from contextlib import closing

from mimo.api import sse
from mimo.api.answer import begin
from mimo.api.backend import Service
from mimo.api.exchange import Exchange
from mimo.api.protocols.fields import Wishes
from mimo.api.protocols.openai_chat.reply import Reply, Whole
from mimo.api.protocols.openai_chat.request import decode
from mimo.api.protocols.openai_chat.stream import Chunks
from mimo.engines.base import EventStream


async def chat_completions(service: Service, exchange: Exchange, body: bytes, wishes: Wishes) -> None:
    """Answer one request. Raises `ApiError`; before the first byte of a stream that is a plain HTTP error."""
    decoded, answer = await begin(service, body, wishes, decode)
    del body  # with media in it, too large to keep until the answer has ended
    engine, params = service.engine, decoded.request.params
    with closing(answer):
        reply = Reply(
            decoded.request.model.id, engine.info.fingerprint, params.n, params.thinking, engine.tokenizer.piece
        )
        await answer.opened()  # what an engine behind us refuses is still a plain HTTP error
        if params.stream:
            await exchange.start_stream(sse.CONTENT_TYPE, [*sse.HEADERS, *decoded.headers()], sse.ALIVE)
            await _stream(answer, Chunks(reply, params.include_usage), exchange)
            return
        whole = Whole(reply, params.sampling.logprobs is not None)
        async for events in answer:
            whole.add(events)
        await exchange.reply(200, whole.body(), headers=decoded.headers())


async def _stream(answer: EventStream, chunks: Chunks, exchange: Exchange) -> None:
    await exchange.write(chunks.first())
    async for events in answer:
        await exchange.write(chunks.frames(events))
    await exchange.end()
