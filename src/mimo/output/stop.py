"""Stop strings in a stream of text: the match and what follows are never let through.

The first match to complete wins, and of those that complete at the same character the longest. Only text that can still
begin a match is kept back: one Knuth-Morris-Pratt automaton a stop, its failure table made only as far as a match has
got, so the cost is amortised O(1) a character and stop, and a long stop costs nothing until it begins to match.
Knows no tokens, no reasoning and no finish reasons.
"""

from __future__ import annotations

from collections import deque


class _Automaton:
    """How much of one stop the text so far ends with (`matched` characters)."""

    __slots__ = ("_failure", "matched", "stop")

    def __init__(self, stop: str) -> None:
        self.stop = stop
        self.matched = 0
        self._failure = [0]

    def find(self, text: str, end: int) -> int:
        """Feed `text[:end]`: the place just after a completed match, or -1."""
        stop, matched, size, at = self.stop, self.matched, len(self.stop), 0
        while at < end:
            if not matched:  # let the C search skip what cannot begin a match
                at = text.find(stop[0], at, end)
                if at < 0:
                    break
                matched = 1
            else:
                while matched and stop[matched] != text[at]:
                    matched = self._fall(matched)
                matched += stop[matched] == text[at]
            at += 1
            if matched == size:
                return at
        self.matched = matched
        return -1

    def _fall(self, matched: int) -> int:
        """Length of the longest proper border of the stop's first `matched` characters."""
        stop, failure = self.stop, self._failure
        while len(failure) < matched:
            border = failure[-1]
            while border and stop[border] != stop[len(failure)]:
                border = failure[border - 1]
            failure.append(border + (stop[border] == stop[len(failure)]))
        return failure[matched - 1]


class StopFilter:
    """Lets text through up to the first match of one of `stops` (none of them empty)."""

    __slots__ = ("_automata", "_buffered", "_offset", "_size", "match")

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._automata = [_Automaton(stop) for stop in stops]
        self._buffered: deque[str] = deque()
        self._offset = 0  # characters of _buffered[0] that were let through already
        self._size = 0  # characters buffered
        self.match: str | None = None
        """The stop that matched. Nothing may be pushed after it."""

    def push(self, text: str) -> str:
        """The text that is safe to send now; when a stop matches, the rest of what comes before the match."""
        end, match = len(text), None
        for automaton in self._automata:
            place = automaton.find(text, end)
            if place >= 0 and (match is None or place < end or len(automaton.stop) > len(match)):
                end, match = place, automaton.stop
        self._buffered.append(text)
        self._size += len(text)
        if match is None:
            return self._release(self._size - max(automaton.matched for automaton in self._automata))
        self.match = match
        return self._release(self._size - (len(text) - end) - len(match))

    def flush(self) -> str:
        """The buffered text, when no more will come."""
        return self._release(self._size)

    def _release(self, count: int) -> str:
        """The first `count` buffered characters."""
        self._size -= count
        parts = []
        while count > 0:
            first, start = self._buffered[0], self._offset
            if len(first) - start > count:
                self._offset = start + count
                parts.append(first[start : self._offset])
                break
            parts.append(first[start:] if start else first)
            count -= len(first) - start
            self._buffered.popleft()
            self._offset = 0
        return parts[0] if len(parts) == 1 else "".join(parts)
