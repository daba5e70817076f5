"""POST /v1/messages/count_tokens: how many tokens the prompt of such a request has. Generates nothing."""

from __future__ import annotations

import asyncio

import msgspec

from mimo.api.backend import Backend
from mimo.api.exchange import Exchange
from mimo.api.protocols.anthropic_messages.request import decode_count
from mimo.generate import render


async def count_tokens(backend: Backend, exchange: Exchange, _: str) -> None:
    """Answer with the count, in a thread: a long conversation takes long."""
    body = await exchange.body(backend.body_limit, backend.policy.body_seconds)
    count = await asyncio.to_thread(_count, backend, body)
    await exchange.reply(200, msgspec.json.encode({"input_tokens": count}))


def _count(backend: Backend, body: bytes) -> int:
    request = decode_count(body, backend.models, backend.policy).request
    return len(render(request, backend.chat_format).tokens)
