"""Server-sent events as they arrive: bytes in, the data of whole events out.

Split as bytes, so that a character cut by a packet is never looked at half. Knows no engine and no JSON.
"""

from __future__ import annotations

from mimo.contract.errors import UpstreamError

LARGEST = 16 * 2**20
"""Bytes of one event; a larger one is a fault of the upstream."""
DONE = b"[DONE]"
"""Data of the event that ends an answer; nothing after it counts."""


class Events:
    """Collects what arrives; `feed` gives the data of the events that became whole."""

    __slots__ = ("_carriage", "_rest")

    def __init__(self) -> None:
        self._rest = bytearray()
        self._carriage = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Data of the events completed by `data`; comments and other fields are left out. Linear in all that came.

        Raises `UpstreamError` for an event that is too large.
        """
        if self._carriage or b"\r" in data:
            data = self._line_ends(data)
        if b"\n\n" not in data and not (self._rest.endswith(b"\n") and data.startswith(b"\n")):
            self._keep(data)
            return []
        if self._rest:
            self._rest += data
            data = bytes(self._rest)
            self._rest.clear()
        *blocks, rest = data.split(b"\n\n")
        self._keep(rest)
        found: list[bytes] = []
        for block in blocks:
            if block.startswith(b"data: ") and b"\n" not in block:
                found.append(block[6:])
            elif (joined := _data(block)) is not None:
                found.append(joined)
        return found

    def _line_ends(self, data: bytes) -> bytes:
        """`data` with \\n for every line end; a \\r at its end may be half of one and waits."""
        data = self._carriage + data
        self._carriage = b""
        if data.endswith(b"\r"):
            data, self._carriage = data[:-1], b"\r"
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _keep(self, data: bytes) -> None:
        if len(self._rest) + len(data) > LARGEST:
            raise UpstreamError(f"upstream sent an event of more than {LARGEST} bytes")
        self._rest += data

    def end(self) -> list[bytes]:
        """What is left when the connection closes: a last event may lack its blank line."""
        data = _data(bytes(self._rest).strip())
        self._rest.clear()
        return [] if data is None else [data]


def _data(block: bytes) -> bytes | None:
    """The data of one event, its lines joined; None if it has none."""
    lines = [line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None
