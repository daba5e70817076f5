"""The bytes of one answer → the pieces in it, those that arrived together in one list. Knows no engine's format."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from mimo.contract.errors import UpstreamError
from mimo.engines.upstream.http.client import Reply
from mimo.engines.upstream.http.sse import Events
from mimo.engines.upstream.raw.request import Piece, Reader


async def pieces_of(reader: Reader, reply: Reply) -> AsyncIterator[list[Piece]]:
    """Raises `UpstreamError` for what breaks off or cannot be read, `UpstreamTimeout`."""
    events = Events()
    try:
        async for data in reply:
            if pieces := [piece for event in events.feed(data) if (piece := reader.read(event)) is not None]:
                yield pieces
        if pieces := [piece for event in events.end() if (piece := reader.read(event)) is not None]:
            yield pieces
    except (ValueError, msgspec.MsgspecError) as problem:
        raise UpstreamError(f"the engine behind sent what cannot be read: {problem}") from problem
