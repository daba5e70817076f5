"""Whether the output of one choice has entered a loop.

A loop is: for some period p of at most 256 tokens, the newest tokens are the same p tokens at least 64 times in a row,
and 2048 tokens or more. So no list, table or refrain of an ordinary answer is one; a model that has lost its way is
caught long before a large limit. All sampled tokens count, reasoning and markup too. It is looked at whenever the
number of tokens is a multiple of 64, so the answer depends on nothing but the tokens.

The cost is an append a token and, every 64 tokens, one search and one comparison of a few kilobytes. Knows no text.
"""

from __future__ import annotations

from array import array

PERIOD, REPEATS, TOKENS = 256, 64, 2048
_EVERY = 64
_KEPT = PERIOD * (REPEATS + 1)


class Repetition:
    """Feed every token to `push`, in order."""

    __slots__ = ("_count", "_tokens")

    def __init__(self) -> None:
        self._tokens = array("q")
        self._count = 0

    def push(self, token: int) -> bool:
        """Whether the output is in a loop, `token` being the newest of it."""
        self._tokens.append(token)
        self._count += 1
        return self._count % _EVERY == 0 and self._count >= TOKENS and self._look()

    def _look(self) -> bool:
        tokens = self._tokens
        if len(tokens) > 4 * _KEPT:
            del tokens[:-_KEPT]
        period = self._period()
        size = max(TOKENS, period * REPEATS)
        return period > 0 and size <= len(tokens) and tokens[-size:-period] == tokens[period - size :]

    def _period(self) -> int:
        """The smallest period that the newest tokens can have, 0 if there is none to look at."""
        tokens = self._tokens
        newest = tokens[-PERIOD:]
        recent = tokens[-2 * PERIOD : -1].tobytes()
        width = tokens.itemsize
        at = recent.rfind(newest.tobytes())
        while at >= 0 and at % width:  # found across the edge of two tokens
            at = recent.rfind(newest.tobytes(), 0, at + len(newest) * width - 1)
        return 0 if at < 0 else len(recent) // width + 1 - len(newest) - at // width
