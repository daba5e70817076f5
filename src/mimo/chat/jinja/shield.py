"""Keeps users' text apart from a template's own words while Jinja mixes the two.

Before rendering, `shield` puts a sentinel character on both sides of every character that can begin or end a control
token's name, in every text of a message: then no name can begin or end in user text, whatever the template trims,
splits, cuts out or joins, and nearly all of the text is as it was. A text that could be the middle of a name is spelled
out with sentinels whole. After rendering, `cut` splits the output at the names that are whole, which only the template
can have written, and takes the sentinels out of the text between. The sentinel is no secret: what is cut is cut.
Not covered: a template that cuts a word out of a text and wraps it in two halves of a name. Knows no template.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from mimo.chat.base import Piece
from mimo.contract.errors import InvalidRequest
from mimo.tokenizers.base import Tokenizer

SENTINELS = "".join(chr(0xFDD0 + at) for at in range(32))
"""Noncharacters: no text that means something has them, and neither JSON nor Jinja changes them."""


class Shield:
    """The names of one vocabulary's control tokens, kept out of text with `sentinel`."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        # A name of one or two characters, or with a space at its edge, could not be broken without harming plain text.
        names = {name for name in tokenizer.control_names if len(name) > 2 and name == name.strip()}
        self._ids = {name: token for name in names if (token := tokenizer.control(name)) is not None}
        self._names = re.compile("|".join(map(re.escape, sorted(self._ids, key=len, reverse=True))))
        self._infixes = "\0".join(self._ids)
        self._edges = sorted({edge for name in self._ids for edge in (name[0], name[-1])})

    def sentinel(self, source: str, texts: Iterable[str]) -> str:
        """A character that neither the template's `source` nor any of `texts` holds."""
        free = set(SENTINELS)
        for text in (source, self._infixes, *texts):
            if not text.isascii():
                free = {character for character in free if character not in text}
        if not free:
            words = "messages hold every noncharacter from U+FDD0 to U+FDEF; leave one out"
            raise InvalidRequest(words, param="messages")
        return min(free)

    def shield(self, value: object, sentinel: str) -> object:
        """`value` with every text in it shielded: a text, or lists and mappings of texts (keys too)."""
        if isinstance(value, str):
            return self._shield_text(value, sentinel) if self._ids else value
        if isinstance(value, Mapping):
            return {self.shield(key, sentinel): self.shield(item, sentinel) for key, item in value.items()}
        return [self.shield(item, sentinel) for item in value] if isinstance(value, list | tuple) else value

    def cut(self, output: str, sentinel: str) -> list[Piece]:
        """`output` as control tokens and plain text."""
        pieces: list[Piece] = []
        start = 0
        for found in self._names.finditer(output) if self._ids else ():
            pieces += [output[start : found.start()].replace(sentinel, ""), self._ids[found[0]]]
            start = found.end()
        pieces.append(output[start:].replace(sentinel, ""))
        return pieces

    def _shield_text(self, text: str, sentinel: str) -> str:
        core = text.strip()
        if core and core in self._infixes:  # the template may write the rest of a name on both sides of it
            return text.replace(core, sentinel + sentinel.join(core) + sentinel, 1)
        for edge in self._edges:
            text = text.replace(edge, f"{sentinel}{edge}{sentinel}")
        return text
