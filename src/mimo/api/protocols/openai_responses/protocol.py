"""POST /v1/responses: the way of a request on the Responses protocol, whole or streamed. Nothing is stored.

Everything that can be refused is refused before the first byte is sent. Knows the order of things, no format.
"""

from __future__ import annotations

from contextlib import closing

from mimo.api import sse
from mimo.api.answer import begin
from mimo.api.backend import Service
from mimo.api.exchange import Exchange
from mimo.api.protocols.blocks import Blocks
from mimo.api.protocols.fields import Wishes, renamed
from mimo.api.protocols.openai_responses.reply import Response
from mimo.api.protocols.openai_responses.request import NAMES, decode
from mimo.api.protocols.openai_responses.stream import ResponseEvents


async def responses(service: Service, exchange: Exchange, body: bytes, wishes: Wishes) -> None:
    """Answer one request. Raises `ApiError`; before the first byte of a stream that is a plain HTTP error."""
    with renamed(NAMES):
        asked, answer = await begin(service, body, wishes, decode)
    del body  # with media in it, too large to keep until the answer has ended
    with closing(answer):
        response = Response(asked.request, asked.fields, service.engine.tokenizer.piece)
        await answer.opened()
        if asked.request.params.stream:
            await exchange.start_stream(sse.CONTENT_TYPE, [*sse.HEADERS, *asked.headers()], sse.ALIVE)
            stream = ResponseEvents(response)
            exchange.last_words = lambda error: stream.failed(error, exchange.id)
            await exchange.write(stream.first())
            async for events in answer:
                await exchange.write(stream.frames(events))
            return await exchange.end()
        blocks = Blocks()
        async for events in answer:
            blocks.add(events)
        await exchange.reply(200, response.body(blocks), headers=asked.headers())
