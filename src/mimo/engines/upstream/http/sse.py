"""Server-sent events as they arrive: bytes in, the data of whole events out.

Split as bytes, so that a character cut by a packet is never looked at half. Knows no engine and no JSON.
"""

from __future__ import annotations

from mimo.contract.errors import UpstreamError

LARGEST = 16 * 2**20
"""Bytes of one event: more is not an event but a fault."""


class Events:
    """Collects what arrives; `feed` gives the data of the events that became whole."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Data of the events completed by `data`; comments and other fields are left out."""
        if self._rest:
            data = self._rest + data
        held = b""
        if b"\r" in data:
            if data.endswith(b"\r"):  # perhaps half of a line end
                data, held = data[:-1], b"\r"
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *blocks, rest = data.split(b"\n\n")
        self._rest = rest + held
        if len(self._rest) > LARGEST:
            raise UpstreamError(f"the engine behind sent an event of more than {LARGEST} bytes")
        found: list[bytes] = []
        for block in blocks:
            if block.startswith(b"data: ") and b"\n" not in block:
                found.append(block[6:])
            elif (joined := _data(block)) is not None:
                found.append(joined)
        return found

    def end(self) -> list[bytes]:
        """What is left when the connection closes: a last event may lack its blank line."""
        last, self._rest = self._rest.strip(), b""
        data = _data(last)
        return [] if data is None else [data]


def _data(block: bytes) -> bytes | None:
    """The data of one event, its lines joined; None if it has none."""
    lines = [line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None
