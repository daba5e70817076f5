"""Constrains a string of a call in JSON by a grammar of its own: the text of a custom tool, by the Lark with it.

The grammar says what the text is, and JSON writes some of its characters with a backslash. So a token that needs none
is allowed where the grammar allows it; of the others only whole escapes and a backslash by itself, which mean a byte
that the grammar must allow. A quote ends the string where the text is complete. What fits can always be written so;
tokens in which text and an escape are mixed are never drawn. Knows the form of a call and token bytes; no Lark.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mimo.calls.base import Texts
from mimo.sampling.allowed import Mask, all_but, allow, allows, forbid
from mimo.tokenizers.base import Tokenizer
from mimo.tokenizers.derived import PerTokenizer
from mimo.types import Allowed, Constraint

_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f", b'"': b'"', b"\\": b"\\"}
_HEAD = 4096
"""Bytes before a value that are looked at."""


@dataclass(frozen=True, slots=True)
class _Tokens:
    """The vocabulary as strings of JSON see it. `plain`: tokens that mean themselves; `escapes`: whole ones, and
    `letters`: the second bytes of such, each with the token that it means; `backslashes`: the first byte; `quotes`:
    tokens that begin with a quote; `crossing`: those in which something follows one."""

    plain: Mask
    escapes: Mapping[int, int]
    letters: Mapping[int, int]
    backslashes: tuple[int, ...]
    quotes: tuple[int, ...]
    crossing: tuple[int, ...]


class ConstrainedJsonTexts:
    """`grammar` of the answer, and in the strings of `texts`, each the only argument of its function, what they must
    follow. `opens`: the marker before calls, a control token, or `spelled` as text."""

    def __init__(
        self, grammar: Constraint, tokenizer: Tokenizer, opens: str, texts: Texts, *, spelled: bool = False
    ) -> None:
        self._grammar = grammar
        self._piece = tokenizer.piece
        self._opens = None if spelled else tokenizer.control(opens)
        self._end_of_turn = min(tokenizer.end_ids)
        self._tokens = _tokens(tokenizer)
        before = re.escape(opens.encode()) if self._opens is None else b"^"
        self._texts = [(_opening(before, name, key), make) for (name, key), make in texts.items()]
        self._head = bytearray()
        self._in_call = self._opens is None
        self._value: Constraint | None = None
        self._escaped = False
        self._given_up = False  # whether the text can only end, although it is not complete

    def allowed(self) -> Allowed:
        """What may be drawn next."""
        allowed = self._grammar.allowed()
        if not isinstance(allowed, np.ndarray):
            return allowed
        if self._value is None:
            crossing = (token for token in self._tokens.crossing if self._in_call and allows(allowed, token))
            bad = [token for token in crossing if self._opens_within(self._piece(token))]
            return forbid(allowed, bad) if bad else allowed
        inside = self._value.allowed()
        assert isinstance(inside, np.ndarray)
        tokens, nothing = self._tokens, np.zeros_like(allowed)
        if self._escaped:
            return allow(nothing, self._meaning(tokens.letters, inside, allowed))
        fits = np.bitwise_and(np.bitwise_and(inside, allowed), tokens.plain).astype(np.uint32)
        more = self._meaning(tokens.escapes, inside, allowed)
        if self._meaning(tokens.letters, inside):
            more += [token for token in tokens.backslashes if allows(allowed, token)]
        self._given_up = not more and not fits.any()
        if self._given_up or allows(inside, self._end_of_turn):
            more += [token for token in tokens.quotes if allows(allowed, token)]
        return allow(fits, more)

    def accept(self, token: int) -> None:
        """Take the drawn token."""
        self._grammar.accept(token)
        if self._value is not None:
            self._take(token, self._value)
            return
        if token == self._opens:
            self._head.clear()
            self._in_call = True
            return
        self._head += self._piece(token)
        del self._head[:-_HEAD]
        if self._in_call and self._head.endswith(b'"'):
            self._value = self._opened(bytes(self._head))

    def _take(self, token: int, value: Constraint) -> None:
        """A token within the string, or the quote that ends it."""
        tokens = self._tokens
        if self._escaped or token in tokens.escapes:
            meant = (tokens.letters if self._escaped else tokens.escapes).get(token)
            self._escaped = False
            if meant is not None:
                value.accept(meant)
        elif token in tokens.backslashes:
            self._escaped = True
        elif self._piece(token).startswith(b'"'):
            self._value = None
            self._head.clear()
            self._in_call = self._opens is None
        else:
            value.accept(token)

    @staticmethod
    def _meaning(written: Mapping[int, int], inside: Mask, allowed: Mask | None = None) -> list[int]:
        """Those of `written` whose meaning may come next."""
        return [
            token
            for token, meant in written.items()
            if allows(inside, meant) and (allowed is None or allows(allowed, token))
        ]

    def _opened(self, head: bytes) -> Constraint | None:
        """What the string must follow that begins after `head`, if it is one of ours."""
        return next((make() for opening, make in self._texts if opening.search(head)), None)

    def _opens_within(self, piece: bytes) -> bool:
        """Whether one of our strings would begin before the end of `piece`."""
        head = bytes(self._head)
        ends = [at + 1 for at, byte in enumerate(piece[:-1]) if byte == ord('"')]
        return any(opening.search(head + piece[:end]) for end in ends for opening, _ in self._texts)


def _opening(before: bytes, name: str, key: str) -> re.Pattern[bytes]:
    """How a call is written up to the quote that opens its text."""
    parts = [
        b"{",
        b'"name"',
        b":",
        json.dumps(name).encode(),
        b",",
        b'"arguments"',
        b":",
        b"{",
        json.dumps(key).encode(),
    ]
    return re.compile(before + rb"\s*" + rb"\s*".join(map(re.escape, [*parts, b":", b'"'])) + b"$")


def _find_tokens(tokenizer: Tokenizer) -> _Tokens:
    pieces = [b"" if tokenizer.is_control(token) else tokenizer.piece(token) for token in range(tokenizer.vocabulary)]
    first = {piece: token for token, piece in reversed(list(enumerate(pieces)))}
    meant = {letter: first[byte] for letter, byte in _ESCAPES.items() if byte in first}
    escapes, letters, backslashes = {}, {}, []
    other, quotes, crossing = [], [], []
    for token, piece in enumerate(pieces):  # of which several may have the same bytes
        if piece in meant:
            letters[token] = meant[piece]
        if piece[:1] == b"\\" and piece[1:] in meant:
            escapes[token] = meant[piece[1:]]
        if piece == b"\\":
            backslashes.append(token)
        if not piece or b'"' in piece or b"\\" in piece or min(piece) < 0x20:
            other.append(token)
        if piece.startswith(b'"'):
            quotes.append(token)
        if b'"' in piece[:-1]:
            crossing.append(token)
    plain = all_but(other, tokenizer.vocabulary)
    return _Tokens(plain, escapes, letters, tuple(backslashes), tuple(quotes), tuple(crossing))


_tokens: PerTokenizer[_Tokens] = PerTokenizer(_find_tokens)
