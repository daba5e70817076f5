"""The tokens that llama-server's stream leaves out.

It sends nothing while a character is incomplete, and then the whole character with the id of the last token only. What
is missing is known by its bytes and its count; the ids follow from the vocabulary. Where several splits give the same
bytes the longest pieces first are taken: text and count are exact, the ids a spelling of them.
"""

from __future__ import annotations

from mimo.tokenizers.base import Tokenizer

_TAIL = (b"\xf0", b"\x90", b"\x80")
"""Begins a character of four bytes and does not end it."""
_MOST = 64
"""Missing tokens whose bytes are looked for; a character has four bytes at most, and few are incomplete at once."""


class MissingTokens:
    """Made once for a vocabulary: it looks at every piece."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._piece = tokenizer.piece
        self._vocabulary = tokenizer.vocabulary
        self._ids: dict[bytes, int] = {}
        for token in range(tokenizer.vocabulary):
            if not tokenizer.is_control(token):
                self._ids.setdefault(tokenizer.piece(token), token)
        self._ids.pop(b"", None)
        self._longest = max(map(len, self._ids), default=0)

    def fill(self, content: str, known: tuple[int, ...], count: int) -> tuple[int, ...]:
        """The ids of `count` tokens before those `known`, which together wrote `content`.

        Bytes that are no characters are not sent either: there, and at the end of an answer, tokens are given that
        write U+FFFD.
        """
        data = content.encode()
        tail = b"".join(self._piece(token) for token in known if 0 <= token < self._vocabulary)
        if count <= _MOST and data.endswith(tail):
            found = self._split(data[: len(data) - len(tail)], count, set())
            if found is not None:
                return found
        ids = [self._ids[piece] for piece in _TAIL if piece in self._ids]
        if not ids:
            return ()
        return tuple((ids + [ids[-1]] * count)[:count])

    def _split(self, data: bytes, count: int, failed: set[tuple[int, int]]) -> tuple[int, ...] | None:
        """`data` as exactly `count` pieces, or None. `failed`: (bytes, pieces) left for which there is no split."""
        if count == 0:
            return None if data else ()
        if (key := (len(data), count)) in failed:
            return None
        for size in range(min(self._longest, len(data) - count + 1), 0, -1):
            token = self._ids.get(data[:size])
            if token is not None and (rest := self._split(data[size:], count - 1, failed)) is not None:
                return (token, *rest)
        failed.add(key)
        return None
