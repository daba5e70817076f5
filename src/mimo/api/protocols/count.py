"""A route that says how many tokens the prompt of a conversation has, in the form of a protocol. Generates nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import msgspec

from mimo.api.backend import Backend
from mimo.api.exchange import Exchange
from mimo.api.policy import Policy
from mimo.api.protocols.fields import Decoded
from mimo.api.route import Answer
from mimo.contract.models import Model
from mimo.contract.request import ChatRequest
from mimo.engines.limits import within_window
from mimo.generate.prompt import check_media, render, rows_of


def counter(
    decode: Callable[[bytes, Mapping[str, Model], Policy], Decoded[ChatRequest]], body: Mapping[str, object]
) -> Answer:
    """The handler: `decode` reads a request, and the answer is `body` with the count as `input_tokens`."""

    def count(backend: Backend, given: bytes, abandoned: threading.Event) -> int:
        request = decode(given, backend.models, backend.policy).request
        rows = rows_of(backend.engine)
        if rows is not None:
            check_media(request, backend.engine)
        with within_window(backend.countable(request.model), abandoned) as limit:
            return len(render(request, backend.chat_format, limit, rows).tokens)

    async def answer(backend: Backend, exchange: Exchange, _: str) -> None:
        given = await exchange.body(backend.body_limit, backend.policy.body_seconds, backend.slow, backend.room)
        abandoned = threading.Event()
        try:
            # in a thread: a long conversation takes long
            tokens = await backend.slow.run(count, backend, given, abandoned)
        finally:
            abandoned.set()
        await exchange.reply(200, msgspec.json.encode({**body, "input_tokens": tokens}))

    return answer
