"""Token bytes → whole characters.

A character split over tokens is held until it is complete; invalid bytes become U+FFFD, one for each maximal invalid
stretch, exactly as `bytes.decode("utf-8", "replace")` of the whole would. Knows no tokens, tags or stops.
"""

from __future__ import annotations

from codecs import utf_8_decode


class Utf8Decoder:
    """Incremental UTF-8: never more than three bytes are held."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def push(self, piece: bytes) -> str:
        """The characters that `piece` completes, maybe none."""
        if self._held:
            piece = self._held + piece
        text, used = utf_8_decode(piece, "replace", False)
        self._held = piece[used:]
        return text

    def before(self, piece: bytes) -> int:
        """How many characters come before the one that holds `piece`'s first byte, if it is pushed next.

        0 unless the held bytes are not continued by `piece`: then they are what they are, U+FFFD.
        """
        if not self._held or not piece:
            return 0
        return len((self._held + piece[:1]).decode(errors="replace")) - 1

    def flush(self) -> str:
        """What the held bytes are when nothing follows: U+FFFD, or nothing if none are held."""
        text, _ = utf_8_decode(self._held, "replace", True)
        self._held = b""
        return text
