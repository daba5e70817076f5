"""Bytes that come in pieces, read by states: what every reader of a call is made of. Knows no form of call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

Status = Literal["open", "complete", "broken"]
State = Callable[[], bool]
"""Reads what it can of the data; whether the next state should go on at once."""

SPACE = b" \t\r\n"


class Scanner:
    """`push` bytes until `status` is no longer open. Every byte is looked at once."""

    def __init__(self, begin: State) -> None:
        self.status: Status = "open"
        self.data = bytearray()
        """Pushed and not yet read."""
        self._seen = 0  # of it: bytes that a search need not look at again
        self._state = begin

    def push(self, data: bytes) -> None:
        """Take more."""
        self.data += data
        while self.status == "open" and self._state():
            pass

    def _done(self) -> bool:
        self.status = "complete"
        return False

    def _broken(self) -> bool:
        self.status = "broken"
        return False

    def _skip_space(self) -> bool:
        """Whether something else than white space is there."""
        del self.data[: len(self.data) - len(self.data.lstrip(SPACE))]
        return bool(self.data)

    def _expect(self, markers: Mapping[bytes, State]) -> bool:
        """Go where the one of `markers` that comes next leads."""
        for marker, state in markers.items():
            if self.data.startswith(marker):
                return self._go(len(marker), state)
        return False if any(marker.startswith(self.data) for marker in markers) else self._broken()

    def _go(self, used: int, state: State) -> bool:
        del self.data[:used]
        self._seen = 0
        self._state = state
        return True


class Body(Scanner):
    """What stands between the markers of one call, in one dialect. It completes before the marker that closes it."""

    name = ""
    """The function, once the body is complete: a declared one."""

    @property
    def arguments(self) -> str:
        """The arguments as a JSON object, once the body is complete."""
        raise NotImplementedError
