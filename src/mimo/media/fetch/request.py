"""A request whose media are all here: what is still a URL is fetched and put in its place."""

from __future__ import annotations

from msgspec import structs

from mimo.contract.request import ChatRequest
from mimo.media.fetch.fetcher import Fetcher
from mimo.types import Media, Message


async def with_content(request: ChatRequest, fetcher: Fetcher | None) -> ChatRequest:
    """`request` itself where nothing is to be fetched. Raises what `Fetcher.fetch` does."""
    wanted = [media for media in request.media if not media.fetched]
    if not wanted:
        return request
    assert fetcher is not None, "URLs are refused where there is none"
    found = dict(zip(map(id, wanted), await fetcher.fetch(wanted), strict=True))

    def filled(message: Message) -> Message:
        if all(media.fetched for media in message.media):
            return message
        parts = (found.get(id(part), part) if isinstance(part, Media) else part for part in message.parts)
        return structs.replace(message, parts=tuple(parts))

    return structs.replace(request, messages=tuple(map(filled, request.messages)))
