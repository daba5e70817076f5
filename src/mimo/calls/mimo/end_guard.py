"""Keeps `</parameter>` out of the strings within JSON values of MiMo's calls: there it would end the value too early.

A grammar of JSON cannot say so; here a token that would complete the marker inside such a string is taken out of its
mask. Where a string stands by itself the grammar says it. Knows the form of a call and token bytes; no schema.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from mimo.calls.mimo.texts import END as TEXT_END
from mimo.sampling.allowed import expected, forbid
from mimo.tokenizers.base import Tokenizer
from mimo.tokenizers.derived import PerTokenizer
from mimo.types import Allowed, Constraint

END = TEXT_END.encode()
HEAD = re.compile(rb"<function=([^>]*)>|<parameter=([^>]*)>$")
"""The beginning of a function or of a parameter, and its name."""


def matched_after(matched: int, byte: int) -> int:
    """How many bytes of the end the text ends with after one more, where `matched` were it before."""
    return matched + 1 if byte == END[matched] else int(byte == END[0])


class EndGuard:
    """`grammar`, but for what would end a value inside one of its strings. `values`: (function, parameter) pairs whose
    values may be arrays or objects; `opens`: the marker before a call."""

    def __init__(
        self, grammar: Constraint, tokenizer: Tokenizer, opens: str, values: Sequence[tuple[str, str]]
    ) -> None:
        self._grammar = grammar
        self._piece = tokenizer.piece
        self._opens = tokenizer.control(opens)
        self._ends = _ends(tokenizer)
        self._values = {(function.encode(), key.encode()) for function, key in values}
        self._head = bytearray()  # since the last value
        self._function = b""
        self._known = False  # whether the parameter is one of `values`
        self._where = ""  # "" between values, "?" where one begins, "text" or "json" within
        self._quoted = self._escaped = False
        self._matched = 0

    def allowed(self) -> Allowed:
        """What may be drawn next."""
        allowed = self._grammar.allowed()
        if self._where != "json" or not isinstance(allowed, np.ndarray):
            return allowed
        whole, rest = self._ends
        bad = [*(rest[self._matched] if self._quoted and self._matched else ()), *filter(self._ends_inside, whole)]
        if bad:
            allowed = forbid(allowed, bad)
        return allowed

    def expected(self) -> Sequence[int]:
        """What is nearly certain to come next."""
        return expected(self._grammar)

    def accept(self, token: int) -> None:
        """Take the drawn token."""
        self._grammar.accept(token)
        if token == self._opens:  # what came before was text, whatever it looked like
            self._where, self._matched = "", 0
            self._head.clear()
            return
        for byte in self._piece(token):
            self._take(byte)

    def _take(self, byte: int) -> None:
        """One byte more."""
        if self._where == "":
            self._head.append(byte)
            if byte == ord(">") and (found := HEAD.search(self._head)) is not None:
                self._function = found[1] if found[1] is not None else self._function
                self._where = "" if found[2] is None else "?"
                self._known = (self._function, found[2]) in self._values
                self._head.clear()
            return
        if self._where == "?":
            self._where = "json" if self._known and byte in b"[{" else "text"
            self._quoted = self._escaped = False
            self._matched = 0
        self._matched = matched_after(self._matched, byte)
        if self._where == "json":
            self._quoted ^= byte == ord('"') and not self._escaped
            self._escaped = self._quoted and byte == ord("\\") and not self._escaped
        if self._matched == len(END):
            self._where, self._matched = "", 0

    def _ends_inside(self, token: int) -> bool:
        """Whether `token`, which holds the whole marker, would end the value inside a string."""
        quoted, escaped = self._quoted, self._escaped
        for byte in self._piece(token)[: self._piece(token).index(END)]:
            quoted, escaped = quoted ^ (byte == ord('"') and not escaped), byte == ord("\\") and not escaped
        return quoted


_Ends = tuple[list[int], list[list[int]]]


def _find_ends(tokenizer: Tokenizer) -> _Ends:
    """The tokens that hold all of the marker, and for each number of its bytes those that begin with the others."""
    pieces = [(token, tokenizer.piece(token)) for token in range(tokenizer.vocabulary)]
    pieces = [(token, piece) for token, piece in pieces if b">" in piece]
    rest = [[token for token, piece in pieces if size and piece.startswith(END[size:])] for size in range(len(END))]
    return [token for token, piece in pieces if END in piece], rest


_ends: PerTokenizer[_Ends] = PerTokenizer(_find_ends)
