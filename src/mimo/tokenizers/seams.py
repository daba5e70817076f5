"""Where a text may be cut so that its pieces have the tokens of the whole, for vocabularies that merge neighbours.

What is merged is a token in the end, so nothing is ever merged over two characters that stand side by side in no token.
llama.cpp copies all its output for every character that it spells in bytes: a word of 1 MB took minutes, in pieces it
takes half a second. Knows no tokenizer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_SIZE = 2048
"""Characters of a piece at least."""
_SPACE = "▁"
"""How such vocabularies write a space."""
_BYTE = re.compile("<0x[0-9A-F]{2}>")
"""How they name a byte: 256 tokens that text hardly ever becomes."""


class Seams:
    """Of a vocabulary whose tokens are written as `texts`. `mark`: a character that none of them holds."""

    def __init__(self, texts: Iterable[str]) -> None:
        written = {text.replace(" ", _SPACE) for text in texts if not _BYTE.fullmatch(text)}
        self._pairs = {text[at : at + 2] for text in written for at in range(len(text) - 1)}
        known = set().union(*written)
        self.mark = next(mark for mark in map(chr, range(0xE000, 0xF8FF)) if mark not in known)

    def cut(self, text: str) -> Iterator[str]:
        """The pieces of `text`: of `_SIZE` characters, and longer where it may not be cut sooner."""
        written, start, end = text.replace(" ", _SPACE), 0, _SIZE
        while end < len(text):
            if written[end - 1 : end + 1] in self._pairs or "<0x" in written[end - 5 : end + 2]:
                end += 1
            else:
                yield text[start:end]
                start, end = end, end + _SIZE
        yield text[start:]
