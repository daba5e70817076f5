"""What follows the marker that opens a call, read as it comes: a call with its arguments as JSON, or no call at all.

    white space, the body in one of the dialects, white space, the marker that closes it

A body says by its first bytes which dialect it is in. The call is complete with its body: the marker that closes it may
be missing. It breaks at the first byte that cannot belong to it, and is then text. Knows no token: control tokens come
here by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mimo.calls.base import CallFormat
from mimo.calls.scanner import SPACE, Body, Scanner
from mimo.types import Tool


class CallParser(Scanner):
    """One call in one of `dialects`, which share their markers. At the end of the turn call `end`."""

    def __init__(self, dialects: Sequence[CallFormat], tools: Mapping[str, Tool]) -> None:
        super().__init__(self._begin)
        self.rest = b""
        """What was pushed and is not part of the call, once it is complete."""
        self._dialects = dialects
        self._tools = tools
        self._closes = dialects[0].markers.closes.encode()
        self._body: Body | None = None

    @property
    def name(self) -> str:
        """The function that is called, once the call is complete."""
        return self._body.name if self._body else ""

    @property
    def arguments(self) -> str:
        """The arguments as a JSON object, once the call is complete."""
        return self._body.arguments if self._body else ""

    @property
    def closing(self) -> bool:
        """Whether all of the call is there but the marker that closes it."""
        return self._state == self._close

    def end(self) -> None:
        """Nothing comes after: complete if the body is, else broken."""
        if self.status == "open":
            self.status = "complete" if self.closing else "broken"
            self.rest = bytes(self.data)

    def _begin(self) -> bool:
        if not self._skip_space():
            return False
        for dialect in self._dialects:
            if self.data.startswith(dialect.begins):
                self._body = dialect.body(self._tools)
                return self._go(0, self._inside)
        possible = any(dialect.begins.startswith(self.data) for dialect in self._dialects)
        return False if possible else self._broken()

    def _inside(self) -> bool:
        assert self._body is not None
        self._body.push(bytes(self.data))
        self.data = bytearray()
        if self._body.status == "broken":
            return self._broken()
        if self._body.status == "open":
            return False
        self.data, self._body.data = self._body.data, bytearray()
        return self._go(0, self._close)

    def _close(self) -> bool:
        """After the body: the marker, or whatever comes instead."""
        data = bytes(self.data.lstrip(SPACE))
        if data.startswith(self._closes):
            del self.data[: len(self.data) - len(data) + len(self._closes)]
        elif self._closes.startswith(data):
            return False
        self.rest = bytes(self.data)
        return self._done()
