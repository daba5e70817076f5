"""Calls for a model whose template knows none: Hermes' form, its markers spelled out as text, as our prompt shows them.

The grammar writes the markers as text, and free text may not hold the one that opens a call where calls must fit
their schemas. Knows no prompt.
"""

from __future__ import annotations

from mimo.calls.hermes import HermesCalls
from mimo.types import TokenLogprob


class SpelledCalls(HermesCalls):
    """Hermes' calls, for a vocabulary without their markers."""

    name = "spelled"
    of = HermesCalls.name
    """The dialect whose calls these are, but for their markers."""
    spelled = True

    def used_by(self, template: str) -> bool:
        return False


class SpelledMarker:
    """Finds `marker` in text that comes in pieces, each with its log-probability if it was asked for."""

    __slots__ = ("_buffered", "_marker")

    def __init__(self, marker: str) -> None:
        self._marker = marker.encode()
        self._buffered: list[tuple[bytes, TokenLogprob | None]] = []

    def push(self, piece: bytes, logprob: TokenLogprob | None) -> tuple[list[tuple[bytes, TokenLogprob | None]], bytes]:
        """(text before the marker, what came after it); (text that is certain to be none, b"") while it has not come.
        After the marker the next call begins anew."""
        self._buffered.append((piece, logprob))
        data = b"".join(part for part, _ in self._buffered)
        if (at := data.find(self._marker)) >= 0:
            text = self._release(at)
            self._buffered = []
            return text, data[at:]
        keep = next((size for size in range(len(self._marker) - 1, 0, -1) if data.endswith(self._marker[:size])), 0)
        return self._release(len(data) - keep), b""

    def end(self) -> list[tuple[bytes, TokenLogprob | None]]:
        """Nothing comes after: what was kept back is text."""
        rest, self._buffered = self._buffered, []
        return rest

    def _release(self, size: int) -> list[tuple[bytes, TokenLogprob | None]]:
        """Take the first `size` bytes of what is buffered."""
        out = []
        while size > 0:
            piece, logprob = self._buffered.pop(0)
            out.append((piece[:size], logprob))
            if len(piece) > size:
                self._buffered.insert(0, (piece[size:], None))
            size -= len(piece)
        return out
