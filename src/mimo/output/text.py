"""Token bytes → whole characters.

A character split over tokens is buffered to its end; invalid bytes become U+FFFD, one for each maximal invalid
stretch, exactly as `bytes.decode("utf-8", "replace")` of the whole would. Most tokens are whole characters already:
`whole_texts` remembers which. Knows no tags or stops.
"""

from __future__ import annotations

from codecs import utf_8_decode

from mimo.calls import FORMATS
from mimo.tokenizers.base import Tokenizer
from mimo.tokenizers.derived import PerTokenizer
from mimo.types import THINK

TAGS = (*THINK, *(name for row in FORMATS for name in row.markers))
"""Tokens that mean something to the output, whether or not the vocabulary calls them control tokens."""


class Utf8Decoder:
    """Incremental UTF-8: never more than three bytes are buffered."""

    __slots__ = ("_buffered",)

    def __init__(self) -> None:
        self._buffered = b""

    def push(self, piece: bytes) -> str:
        """The characters that `piece` completes, maybe none."""
        if self._buffered:
            piece = self._buffered + piece
        text, used = utf_8_decode(piece, "replace", False)
        self._buffered = piece[used:]
        return text

    @property
    def holding(self) -> bool:
        """Whether an incomplete character is buffered."""
        return bool(self._buffered)

    def before(self, piece: bytes) -> int:
        """How many characters come before the one that holds `piece`'s first byte, if it is pushed next.

        0 unless the buffered bytes are not continued by `piece`: then they are what they are, U+FFFD.
        """
        if not self._buffered or not piece:
            return 0
        return len((self._buffered + piece[:1]).decode(errors="replace")) - 1

    def flush(self) -> str:
        """What the buffered bytes are when nothing follows: U+FFFD, or nothing if none are buffered."""
        text, _ = utf_8_decode(self._buffered, "replace", True)
        self._buffered = b""
        return text


class _WholeTexts(dict[int, str]):
    """Id → text of an ordinary token that is whole characters, "" for every other; filled in as they are asked for."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._tags = {tokenizer.control(name) for name in TAGS}

    def __missing__(self, token: int) -> str:
        text = ""
        if token not in self._tags and not self._tokenizer.is_control(token):
            try:
                text = self._tokenizer.piece(token).decode()
            except UnicodeDecodeError:
                text = ""
        self[token] = text
        return text


whole_texts: PerTokenizer[dict[int, str]] = PerTokenizer(_WholeTexts)
"""The table of a tokenizer, one for all who ask: a token's text where that is ordinary and whole, else ""."""
