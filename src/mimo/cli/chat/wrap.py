"""Text that arrives in pieces, broken between words at the edge of the terminal; control characters made visible.

A word waits until it is complete: what has been printed is never taken back. Knows no terminal but its width.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.cells import cell_len

Styled = tuple[str, str]
"""Some text and its style."""

_CONTROL = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"}
_CONTROL |= {0x7F: 0x2421, **{code: 0xFFFD for code in range(0x80, 0xA0)}}
_CONTROL |= {code: 0xFFFD for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
_PART = re.compile(r"\n|[ \t]+|[^\s]+|\s")
_TAB = 4


def visible(text: str) -> str:
    """`text` without anything that a terminal acts on: a model or a server must not move the cursor or rename the
    window, nor turn the direction of what follows."""
    return text.replace("\r\n", "\n").translate(_CONTROL)


class Wrap:
    """Wraps what is fed to lines of at most `width` cells. Styles may change inside a word; spaces have none."""

    def __init__(self, width: int) -> None:
        self.width = max(width, 2)
        self._column = 0
        self._spaces: list[Styled] = []
        self._word: list[Styled] = []

    def feed(self, text: str, style: str = "") -> list[Styled]:
        """What can be printed now."""
        whole_lines = visible(text.replace("\r", ""))  # a piece may end between \r and \n
        return [made for part in _PART.findall(whole_lines) for made in self._part(part, style)]

    def end(self) -> list[Styled]:
        """What is left at the end of the text."""
        return list(self._flush())

    def _part(self, part: str, style: str) -> Iterator[Styled]:
        if part == "\n":
            yield from self._flush()
            self._spaces.clear()
            self._column = 0
            yield part, ""
        elif part.isspace():
            yield from self._flush()
            self._spaces.append((part.replace("\t", " " * _TAB), ""))
        else:
            for letters in _breakable(part):
                if cell_len(letters) > len(letters):  # wide letters: a line may end before and after each
                    yield from self._flush()
                    self._word.append((letters, style))
                    yield from self._flush()
                else:
                    self._word.append((letters, style))

    def _flush(self) -> Iterator[Styled]:
        """The word that is complete, on a line where it fits."""
        if not self._word:
            return
        word, spaces = self._word, self._spaces
        self._word, self._spaces = [], []
        space, length = _cells(spaces), _cells(word)
        if self._column + space + length > self.width:
            if self._column:
                yield "\n", ""
            self._column = 0
        else:
            self._column += space
            yield from spaces
        for text, style in word:
            for letter in text if length > self.width else (text,):
                if (cells := cell_len(letter)) and self._column + cells > self.width:
                    self._column = 0
                    yield "\n", ""
                self._column += cells
                yield letter, style


def _breakable(part: str) -> Iterator[str]:
    """Runs of narrow letters, and wide letters one by one."""
    run = ""
    for letter in part:
        if cell_len(letter) < 2:
            run += letter
            continue
        if run:
            yield run
            run = ""
        yield letter
    if run:
        yield run


def _cells(parts: list[Styled]) -> int:
    return sum(cell_len(text) for text, _ in parts)
