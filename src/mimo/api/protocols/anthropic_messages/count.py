"""POST /v1/messages/count_tokens: how many tokens the prompt of such a request has. Generates nothing."""

from __future__ import annotations

import threading

import msgspec

from mimo.api.backend import Backend
from mimo.api.exchange import Exchange
from mimo.api.protocols.anthropic_messages.request import decode_count
from mimo.engines.limits import within_window
from mimo.generate import render


async def count_tokens(backend: Backend, exchange: Exchange, _: str) -> None:
    """Answer with the count, in a thread: a long conversation takes long."""
    body = await exchange.body(backend.body_limit, backend.policy.body_seconds)
    abandoned = threading.Event()
    try:
        count = await backend.slow.run(_count, backend, body, abandoned)
    finally:
        abandoned.set()
    await exchange.reply(200, msgspec.json.encode({"input_tokens": count}))


def _count(backend: Backend, body: bytes, abandoned: threading.Event) -> int:
    request = decode_count(body, backend.models, backend.policy).request
    with within_window(backend.countable(request.model), abandoned) as limit:
        return len(render(request, backend.chat_format, limit).tokens)
