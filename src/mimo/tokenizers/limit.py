"""How many tokens a prompt may have: what is longer is found out before all of it is tokenised.

Knows no tokenizer and no window.
"""

from __future__ import annotations

import threading

from msgspec import Struct


class TooManyTokens(Exception):
    """A prompt that is over its limit: it has `at_least` so many tokens, and how many nobody counted."""

    def __init__(self, at_least: int) -> None:
        super().__init__(f"at least {at_least} tokens")
        self.at_least = at_least


class Abandoned(Exception):
    """Nobody waits for this work any more."""


class Limit(Struct, frozen=True):
    """At most `tokens`; set `abandoned`, if there is one, to end the work between two pieces of it."""

    tokens: int
    abandoned: threading.Event | None = None

    def check(self, at_least: int) -> None:
        """Raise `TooManyTokens` or `Abandoned` if there is no sense in going on."""
        if at_least > self.tokens:
            raise TooManyTokens(at_least)
        if self.abandoned is not None and self.abandoned.is_set():
            raise Abandoned
