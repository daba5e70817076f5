"""How many tokens of prompts are decoded between two steps of the running streams.

Those who run wait for prompts `SHARE` times as long as their own step takes, and longer where more prompts wait than
streams run; where none runs, nobody waits. Times are the shortest recent ones, so that one slow call does not count for
many. Knows no sequence and no model.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SHARE = 6
"""Seconds for prompts to a second for steps, while as many streams run as prompts wait."""
MOST_SECONDS = 1.0
"""Of prompts in one round: for so long a new request or a cancelled one is not noticed."""
_KEPT = 8


class Pace:
    """Times the calls of the scheduler. `least`: tokens of prompts in a round in any case."""

    def __init__(self, least: int, clock: Callable[[], float]) -> None:
        self._least = least
        self._clock = clock
        self._steps: deque[float] = deque(maxlen=_KEPT)
        self._prompt_tokens: deque[float] = deque([MOST_SECONDS], _KEPT)

    def room(self, waiting: int, running: int) -> int:
        """Tokens of prompts in the next round."""
        seconds = MOST_SECONDS
        if running:
            seconds = min(seconds, SHARE * min(self._steps, default=0.0) * max(1.0, waiting / running))
        return max(self._least, int(seconds / min(self._prompt_tokens)))

    @contextmanager
    def step(self) -> Iterator[None]:
        """Around a step of all running streams."""
        start = self._clock()
        yield
        self._steps.append(self._clock() - start)

    @contextmanager
    def prompt(self, tokens: int) -> Iterator[None]:
        """Around a call with so many tokens of a prompt."""
        start = self._clock()
        yield
        self._prompt_tokens.append(max(1e-9, (self._clock() - start) / tokens))
