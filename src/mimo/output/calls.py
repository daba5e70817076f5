"""The calls of one choice: which of its tokens belong to one, and what is sent of them.

A call is buffered to its end and then sent whole: `arguments` are valid JSON whatever the model wrote, nothing
that was sent has to be taken back, and a stream joins to exactly the answer that is not streamed. What turns out to be
no call is given back as text, to the byte. A call that a limit cuts off is never sent. White space between two calls,
and after the last, separates them and is no text. Knows no channel and no finish reason.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from mimo.calls.parser import CallParser
from mimo.types import CompleteCall, TokenLogprob

Buffered = list[tuple[bytes, TokenLogprob | None]]
"""Tokens as bytes, each with its log-probability if it was asked for."""


def new_call_id() -> str:
    """A name for a call, new each time: the same seed gives the same call under another id."""
    return f"call_{secrets.token_hex(12)}"


class Calls:
    """The calls of choice number `choice`, each read by what `new_parser` makes; `opens`: the id of the marker before.

    While `holding` every text token, and while `open` every token, goes to `push`; it and `end` answer with the calls
    that were completed and with text that is none of them, in this order.
    """

    __slots__ = ("_buffered", "_choice", "_new_id", "_new_parser", "_opens", "_parser", "count", "holding", "open")

    def __init__(
        self,
        choice: int,
        opens: int,
        new_parser: Callable[[], CallParser],
        new_id: Callable[[], str] = new_call_id,
    ) -> None:
        self._choice = choice
        self._opens = opens
        self._new_parser = new_parser
        self._new_id = new_id
        self._parser = new_parser()
        self._buffered: Buffered = []
        self.count = 0
        """Calls that were completed."""
        self.open = False
        """Whether a call is being read."""
        self.holding = False
        """Whether the last that came was a call, perhaps with white space after it."""

    def begin(self, piece: bytes, logprob: TokenLogprob | None) -> None:
        """The marker before a call came, and no call is open."""
        self._parser = self._new_parser()
        self._buffered = [(piece, logprob)]
        self.open, self.holding = True, True

    def push(self, token: int, piece: bytes, logprob: TokenLogprob | None) -> tuple[list[CompleteCall], Buffered]:
        """Take the next token, given with its bytes."""
        if not self.open:
            return [], self._between(piece, logprob)
        parser = self._parser
        if token == self._opens and parser.closing:  # the call before has no end of its own
            parser.end()
            done = self._settle()
            self.begin(piece, logprob)
            return done
        self._buffered.append((piece, logprob))
        parser.push(piece)
        if token == self._opens and parser.status == "broken":  # and this one may be a call
            self._buffered.pop()
            done = self._settle()
            self.begin(piece, logprob)
            return done
        return self._settle()

    def end(self, *, cut: bool) -> tuple[list[CompleteCall], Buffered]:
        """Nothing comes after; `cut`: because of a limit."""
        if not self.open:
            return [], []
        self._parser.end()
        if cut and self._parser.status == "broken":
            self.open, self._buffered = False, []
        return self._settle()

    def _between(self, piece: bytes, logprob: TokenLogprob | None) -> Buffered:
        self._buffered.append((piece, logprob))
        if not piece.strip():
            return []
        self.holding = False
        return self._give_back()

    def _settle(self) -> tuple[list[CompleteCall], Buffered]:
        """What the parser's status means."""
        parser = self._parser
        if not self.open or parser.status == "open":
            return [], []
        self.open = False
        if parser.status == "broken":
            self.holding = False
            return [], self._give_back()
        call = CompleteCall(self._choice, self.count, self._new_id(), parser.name, parser.arguments)
        self.count += 1
        self._buffered = []
        return [call], self._between(parser.rest, None) if parser.rest else []

    def _give_back(self) -> Buffered:
        buffered, self._buffered = self._buffered, []
        return buffered
