"""The bytes of one answer → the data of the events in it.

A body that is no stream but one JSON object (an upstream that does not stream, an error reported with 200) is one
event. Knows no format.
"""

from __future__ import annotations

from mimo.contract.errors import UpstreamError
from mimo.engines.upstream.http.sse import DONE, LARGEST, Events


class AnswerEvents:
    """Fed the pieces of one body. `done`: the upstream has said `[DONE]`; nothing after it counts, whether or not the
    connection stays open."""

    __slots__ = ("_events", "_whole", "done")

    def __init__(self) -> None:
        self.done = False
        self._events: Events | None = None
        self._whole: bytearray | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """Data of the events that `data` completes. Raises `UpstreamError` for what is too large."""
        if self._events is None:
            return self._begin(data)
        found = self._events.feed(data)
        if DONE in found:
            self.done = True
            return found[: found.index(DONE)]
        return found

    def _begin(self, data: bytes) -> list[bytes]:
        if self._whole is None:
            if data.lstrip()[:1] != b"{":
                self._events = Events()
                return self.feed(data)
            self._whole = bytearray()
        self._whole += data
        if len(self._whole) > LARGEST:
            raise UpstreamError(f"upstream sent an answer of more than {LARGEST} bytes")
        return []

    def end(self) -> list[bytes]:
        """What is left when the body has ended: a last event may lack its blank line."""
        if self._whole is not None:
            return [bytes(self._whole)]
        return [] if self._events is None or self.done else self._events.end()
