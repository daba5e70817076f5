"""One channel of a choice, reasoning or content: token bytes in, text and log-probabilities ready to send out.

A token's log-probability goes out with the first character of its text: not before that character is known to be
sent, and never when a stop match swallows it. Knows no tags; the choice decides which token comes here.
"""

from __future__ import annotations

from collections import deque

from mimo.output.stop import StopFilter
from mimo.output.text import Utf8Decoder
from mimo.types import ContentDelta, ReasoningDelta, TokenLogprob


class Channel:
    """Text of one kind; `event` is the class of its deltas. Only content has stops."""

    __slots__ = ("_decoded", "_decoder", "_event", "_logprobs", "_ready", "_sent", "_stops", "_waiting")

    def __init__(self, event: type[ReasoningDelta] | type[ContentDelta], stops: tuple[str, ...] = ()) -> None:
        self._event = event
        self._decoder = Utf8Decoder()
        self._stops = StopFilter(stops) if stops else None
        self._decoded = 0  # characters that came out of the decoder
        self._sent = 0  # characters that were let through
        self._ready: list[str] = []
        self._waiting: deque[tuple[int, TokenLogprob]] = deque()  # with the place where the token's text starts
        self._logprobs: list[TokenLogprob] = []

    @property
    def stopped(self) -> bool:
        """Whether a stop matched; nothing may come after."""
        return self._stops is not None and self._stops.match is not None

    @property
    def stop(self) -> str | None:
        """The stop that matched, if one did."""
        return None if self._stops is None else self._stops.match

    def push(self, piece: bytes, logprob: TokenLogprob | None = None) -> None:
        """Take one token."""
        if logprob is not None:
            self._waiting.append((self._decoded + self._decoder.before(piece), logprob))
        if text := self._decoder.push(piece):
            self._take(text)

    def at_once(self, choice: int, text: str) -> ReasoningDelta | ContentDelta | None:
        """The delta of `text`, a token of whole characters, where nothing buffered must come before it; else None.

        What most tokens need, in a tenth of the steps of `push` and `drain`.
        """
        if self._stops is not None or self._ready or self._waiting or self._decoder.holding:
            return None
        self._decoded += len(text)
        self._sent += len(text)
        return self._event(choice, text)

    def leave(self) -> None:
        """The other channel comes next: a character that is incomplete now stays so."""
        if text := self._decoder.flush():
            self._take(text)

    def end(self) -> None:
        """Nothing comes after: let everything through that is buffered, unless a stop matched."""
        if not self.stopped:
            self.leave()
        if self.stopped:  # by now: an incomplete character can be the U+FFFD of a stop
            return
        if self._stops is not None and (text := self._stops.flush()):
            self._ready.append(text)
        self._logprobs += [logprob for _, logprob in self._waiting]
        self._waiting.clear()

    def drain(self, choice: int) -> ReasoningDelta | ContentDelta | None:
        """What became ready since the last call as one delta, or None."""
        ready = self._ready
        if not ready and not self._logprobs:
            return None
        delta = self._event(choice, ready[0] if len(ready) == 1 else "".join(ready), tuple(self._logprobs))
        self._ready = []
        if self._logprobs:
            self._logprobs = []
        return delta

    def _take(self, text: str) -> None:
        self._decoded += len(text)
        if self._stops is not None:
            text = self._stops.push(text)
        if text:
            self._sent += len(text)
            self._ready.append(text)
        while self._waiting and self._waiting[0][0] < self._sent:
            self._logprobs.append(self._waiting.popleft()[1])
