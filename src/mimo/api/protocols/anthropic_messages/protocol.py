"""POST /v1/messages and its count_tokens: the way of a request on the Anthropic protocol, whole or streamed.

Everything that can be refused is refused before the first byte is sent. Knows the order of things, no format.
"""

from __future__ import annotations

import asyncio
from contextlib import closing

import msgspec

from mimo.api import sse
from mimo.api.answer import begin
from mimo.api.backend import Service
from mimo.api.exchange import Exchange
from mimo.api.protocols.anthropic_messages.reply import Message
from mimo.api.protocols.anthropic_messages.request import NAMES, decode, decode_count
from mimo.api.protocols.anthropic_messages.stream import Frames
from mimo.api.protocols.blocks import Blocks
from mimo.api.protocols.fields import Wishes, renamed
from mimo.generate import Answer, render


async def messages(service: Service, exchange: Exchange, body: bytes, wishes: Wishes) -> None:
    """Answer one request. Raises `ApiError`; before the first byte of a stream that is a plain HTTP error."""
    with renamed(NAMES):
        decoded, answer = await begin(service, body, wishes, decode)
    del body  # with media in it, too large to keep until the answer has ended
    with closing(answer):
        message = Message(decoded.request.model.id)
        await answer.opened()
        if decoded.request.params.stream:
            await exchange.start_stream(sse.CONTENT_TYPE, [*sse.HEADERS, *decoded.headers()], sse.ALIVE)
            frames = Frames(message)
            await exchange.write(frames.first(answer.usage().prompt_tokens if isinstance(answer, Answer) else 0))
            async for events in answer:
                await exchange.write(frames.frames(events))
            return await exchange.end()
        blocks = Blocks()
        async for events in answer:
            blocks.add(events)
        await exchange.reply(200, message.body(blocks), headers=decoded.headers())


async def count_tokens(service: Service, exchange: Exchange, body: bytes, wishes: Wishes) -> None:
    """How many tokens the prompt of such a request has. Generates nothing."""

    def counted() -> int:
        request = decode_count(body, service.models, wishes).request
        return len(render(request, service.chat_format).tokens)

    count = await asyncio.to_thread(counted)
    await exchange.reply(200, msgspec.json.encode({"input_tokens": count}))
