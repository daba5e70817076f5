"""Constrains a value of MiMo's calls by a grammar of its own: the text of a custom tool, by the Lark that came with it.

The grammar of the answer says where the value stands and where it ends, the other one what it may be; here both are
followed at once. The end of the value, `</parameter>`, may begin where the value's own grammar is complete, with a
token that has nothing of the value; a value that can neither go on nor be complete ends as it is. Knows the form of
a call and token bytes; no Lark and no library.
"""

from __future__ import annotations

import numpy as np

from mimo.calls.base import Texts
from mimo.calls.mimo.end_guard import END, HEAD, matched_after
from mimo.sampling.allowed import allow, allows, forbid
from mimo.tokenizers.base import Tokenizer
from mimo.tokenizers.derived import PerTokenizer
from mimo.types import Allowed, Constraint

_Tokens = tuple[list[int], list[list[int]], list[list[int]]]


class ConstrainedTexts:
    """`grammar` of the answer, and in the values of `texts` what they must follow. `opens`: the marker before calls."""

    def __init__(self, grammar: Constraint, tokenizer: Tokenizer, opens: str, texts: Texts) -> None:
        self._grammar = grammar
        self._piece = tokenizer.piece
        self._opens = tokenizer.control(opens)
        self._end_of_turn = min(tokenizer.end_ids)
        self._crossing, self._completing, self._ending = _tokens(tokenizer)
        self._texts = {(name.encode(), key.encode()): make for (name, key), make in texts.items()}
        self._functions = {name for name, _ in self._texts}
        self._head = bytearray()  # since the last value
        self._function = b""
        self._value: Constraint | None = None  # what the value must follow that is being written
        self._free = False  # whether a value is being written that is no concern of ours
        self._alive = True  # whether the value may go on
        self._matched = 0  # bytes of the end that the value's last ones look like
        self._ends = 0  # bytes of the end that were written as such
        self._given_up = False  # whether the value can only end, although it is not complete

    def allowed(self) -> Allowed:
        """What may be drawn next."""
        allowed = self._grammar.allowed()
        if not isinstance(allowed, np.ndarray):
            return allowed
        if self._value is None:
            begins = not self._free and self._function in self._functions and b"<parameter=" in self._head
            return forbid(allowed, self._crossing) if begins else allowed
        ending = [token for token in self._ending[self._ends] if self._ends or self._complete()]
        ending = [token for token in ending if allows(allowed, token)]
        inside = self._inside()
        if inside is None:
            return allow(np.zeros_like(allowed), ending)
        inside = forbid(
            np.bitwise_and(inside, allowed, dtype=np.uint32), [*self._completing[self._matched], self._end_of_turn]
        )
        if not ending and not inside.any():  # what it wants cannot be written here
            ending = [token for token in self._ending[0] if allows(allowed, token)]
            self._given_up = True
        return allow(inside, ending)

    def accept(self, token: int) -> None:
        """Take the drawn token."""
        self._grammar.accept(token)
        if token == self._opens:
            self._head.clear()
            self._value, self._free, self._function = None, False, b""
            return
        piece = self._piece(token)
        if self._value is not None:
            piece = self._take_value(token, piece)
        for byte in piece:
            self._take(byte)

    def _inside(self) -> Allowed:
        """What the value may go on with, None: nothing."""
        inside = self._value.allowed() if self._value is not None and self._alive else None
        return inside if isinstance(inside, np.ndarray) else None

    def _complete(self) -> bool:
        return (inside := self._inside()) is not None and allows(inside, self._end_of_turn)

    def _take_value(self, token: int, piece: bytes) -> bytes:
        """A token within the value; what of it comes after the end."""
        assert self._value is not None
        rest = END[self._ends :]
        may_end = bool(self._ends) or self._complete() or self._given_up
        if may_end and piece.startswith(rest):
            self._value, self._ends, self._matched, self._given_up = None, 0, 0, False
            return piece[len(rest) :]
        inside = self._inside()
        self._ends = self._ends + len(piece) if may_end and rest.startswith(piece) else 0
        self._alive = inside is not None and allows(inside, token)
        if self._alive:
            self._value.accept(token)
        for byte in piece:
            self._matched = matched_after(self._matched, byte)
        return b""

    def _take(self, byte: int) -> None:
        """One byte outside of constrained values."""
        if self._free:
            self._matched = matched_after(self._matched, byte)
            if self._matched == len(END):
                self._free, self._matched = False, 0
            return
        self._head.append(byte)
        if byte != ord(">") or (found := HEAD.search(bytes(self._head))) is None:
            return
        function, key = found[1], found[2]
        self._head.clear()
        if key is None:
            self._function = function
            return
        make = self._texts.get((self._function, key))
        self._free, self._matched = make is None, 0
        if make is not None:
            self._value, self._alive, self._ends = make(), True, 0


def _find_tokens(tokenizer: Tokenizer) -> _Tokens:
    """Tokens that go on after a `>`; for each number of bytes of the end that have come, those that complete it, and
    those that go on with it from a token's first byte on."""
    pieces = [(token, tokenizer.piece(token)) for token in range(tokenizer.vocabulary)]
    crossing = [token for token, piece in pieces if b">" in piece[:-1]]
    whole = [token for token, piece in pieces if END in piece]
    closing = [(token, piece) for token, piece in pieces if b">" in piece]
    completing = [
        [*whole, *(token for token, piece in closing if size and piece.startswith(END[size:]))]
        for size in range(len(END))
    ]
    near = [(token, piece) for token, piece in pieces if piece and (piece in END or b">" in piece)]
    ending = [
        [token for token, piece in near if END[size:].startswith(piece) or piece.startswith(END[size:])]
        for size in range(len(END))
    ]
    return crossing, completing, ending


_tokens: PerTokenizer[_Tokens] = PerTokenizer(_find_tokens)
