"""From the body of a request to a running answer, the same on every chat protocol: decode, fetch, render, start.

What takes long for a large body is done beside the event loop, so that running streams go on. Knows no format.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from mimo.api.backend import Service
from mimo.api.protocols.fields import Decoded, Wishes
from mimo.contract.models import Model
from mimo.engines.base import EventStream
from mimo.generate import by_chat, check_media, generate, render
from mimo.media.fetch.request import with_content
from mimo.types import Prompt

D = TypeVar("D", bound=Decoded)
Decode = Callable[[bytes, Mapping[str, Model], Wishes], D]

LARGE = 64 * 1024
"""Bytes of a body from which on it is worth another thread."""


async def begin(service: Service, body: bytes, wishes: Wishes, decode: Decode[D]) -> tuple[D, EventStream]:
    """The request, and its answer, which the caller must close. Raises `ApiError` for what is refused."""
    prompt: Prompt | None = None
    if len(body) < LARGE and service.chat_format.quick:
        decoded = decode(body, service.models, wishes)
    else:
        decoded, prompt = await asyncio.to_thread(_decode_and_render, service, body, wishes, decode)
    if decoded.request.media:
        check_media(decoded.request, service.engine)  # before anything is fetched for it
        decoded = replace(decoded, request=await with_content(decoded.request, service.fetcher))
    answer = generate(
        decoded.request,
        service.engine,
        service.chat_format,
        prompt,
        repetition_truncation=service.repetition_truncation,
    )
    return decoded, answer


def _decode_and_render(service: Service, body: bytes, wishes: Wishes, decode: Decode[D]) -> tuple[D, Prompt | None]:
    decoded = decode(body, service.models, wishes)
    if by_chat(decoded.request, service.engine):
        return decoded, None
    return decoded, render(decoded.request, service.chat_format)
