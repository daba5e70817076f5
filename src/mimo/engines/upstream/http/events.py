"""The bytes of one answer → the data of the events in it, those that arrived together in one list. Knows no format."""

from __future__ import annotations

from collections.abc import AsyncIterator

from mimo.engines.upstream.http.client import Reply
from mimo.engines.upstream.http.sse import DONE, Events


async def events_of(reply: Reply) -> AsyncIterator[list[bytes]]:
    """Up to `[DONE]`, whether or not the connection stays open after it; what follows is not read.

    Raises `UpstreamError` for what breaks off or is too large, `UpstreamTimeout`.
    """
    events = Events()
    async for data in reply:
        if found := events.feed(data):
            if DONE in found:
                yield found[: found.index(DONE)]
                await reply.finish()
                return
            yield found
    if found := events.end():
        yield found
