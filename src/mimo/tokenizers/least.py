"""A lower bound on the tokens of a text that costs next to nothing, so that what is far too long is not tokenised.

It holds for every vocabulary whose tokens, joined, are the text again, however the text is cut into them:

- of a class of bytes no token has more than N, so a text that has C of them has at least C / N tokens;
- inside a token there are at most P places where a word ends (a byte of a word, then white space), and between two
  tokens one at most, so a text with E of them has at least (E + 1) / (P + 1) tokens. In most vocabularies P is 0.

Knows no tokenizer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_SPACE = b" \t\n\r\x0b\x0c"
_WORD = bytes(byte for byte in range(256) if byte >= 0x80 or chr(byte).isalnum())
_MARKS = bytes(byte for byte in range(256) if byte not in _SPACE and byte not in _WORD)
_WITHOUT = (b"", _SPACE, _SPACE + _MARKS, _SPACE + _WORD)
"""What is left out of the classes that are counted: all bytes, all but white space, words, marks."""
_KINDS = bytes(ord(" ") if byte in _SPACE else ord("a") if byte in _WORD else ord(".") for byte in range(256))


_PIECE = 2**18
"""Bytes that are looked at in one go: a call on 16 MB takes 20 ms, in which no other thread runs."""


class LeastTokens:
    """The bound for a vocabulary: `pieces` are the bytes of every token that text can become."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._most = [1] * len(_WITHOUT)
        self._ends = 0
        for piece in pieces:
            for at, left_out in enumerate(_WITHOUT):
                self._most[at] = max(self._most[at], _count(piece, left_out))
            self._ends = max(self._ends, _word_ends(piece))

    def __call__(self, text: bytes) -> int:
        """At least so many tokens has `text` (0 for an empty one)."""
        least = max(-(-_count(text, left_out) // most) for left_out, most in zip(_WITHOUT, self._most, strict=True))
        return max(least, -(-(_word_ends(text) + 1) // (self._ends + 1))) if text else 0


def _count(text: bytes, left_out: bytes) -> int:
    return sum(len(piece.translate(None, left_out)) for piece in _pieces(text)) if left_out else len(text)


def _word_ends(text: bytes) -> int:
    return sum(piece.translate(_KINDS).count(b"a ") for piece in _pieces(text, 1))


def _pieces(text: bytes, more: int = 0) -> Iterator[bytes]:
    """`text` in pieces, so that other threads have their turn between; each has so many bytes of the next one too."""
    return (text[at : at + _PIECE + more] for at in range(0, len(text), _PIECE))
