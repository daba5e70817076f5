"""Server-sent events: framing, and JSON text that is safe inside a frame. Knows no protocol that is spoken over them.

A stream's chunks differ in one string only, so everything around it is encoded once and kept as bytes.
"""

from __future__ import annotations

import msgspec

CONTENT_TYPE = "text/event-stream; charset=utf-8"
HEADERS = (("x-accel-buffering", "no"),)
DONE = b"data: [DONE]\n\n"
ALIVE = b": keep-alive\n\n"
"""A comment, which clients ignore: it keeps proxies from closing an idle stream."""

_encode = msgspec.json.encode
# line ends for clients that split lines as Unicode does; JSON allows them as escapes
_LINE_ENDS = ((b"\xc2\x85", b"\\u0085"), (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))


def frame(data: bytes) -> bytes:
    """One event holding `data`, a JSON document without line breaks."""
    return b"data: " + one_line(data) + b"\n\n"


def event(name: str, data: bytes) -> bytes:
    """One event called `name`, as protocols have it that name their events."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), one_line(data))


def comment(text: str) -> bytes:
    """A line that clients pass over; `text` is one line."""
    return f": {text}\n\n".encode()


def one_line(data: bytes) -> bytes:
    """The JSON document `data`, written so that no client can mistake it for several lines."""
    if not data.isascii():
        for raw, escaped in _LINE_ENDS:
            if raw in data:
                data = data.replace(raw, escaped)
    return data


class Template:
    """A frame whose one string is filled in later, between the JSON `before` and `after` it; `name`: the event's."""

    __slots__ = ("_after", "_before")

    def __init__(self, before: bytes, after: bytes, name: str = "") -> None:
        self._before = (b"event: %b\n" % name.encode() if name else b"") + b"data: " + before
        self._after = after + b"\n\n"

    def fill(self, text: str) -> bytes:
        """The frame with `text` as its string."""
        data = _encode(text)
        return self._before + (data if data.isascii() else one_line(data)) + self._after
