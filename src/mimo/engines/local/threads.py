"""How many threads compute a call: as many as have lately brought it forward, for calls of each size by themselves.

More threads are faster on an idle machine, and slower where other programs want the cores: a thread then waits for one
that is not running. So what counts is the progress seen, in seconds a row, and nothing is believed for long:

1. the count in use is kept while it is the fastest
2. after a call that was much slower than usual, the next one tries fewer threads
3. every other count is tried again after a while: soon where it might be better, seldom where it has lost
   often, and never so often that trying costs more than a twentieth of the time

Knows no model; time is a clock's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

_SLOW = 1.5
"""Times the usual duration of a call: the machine may have changed."""
_BETTER = 0.95
"""Times the duration with the count in use: worth a change."""
_SOON, _FEWER, _SELDOM = 0.25, 1.0, 8.0
"""Seconds until a count is tried again: at first, at most where it has fewer threads, at most otherwise."""
_SHARE = 20
"""Seconds to a second that trying costs more than the count in use."""
_NEWEST = 0.3
"""What the newest call counts for in the usual duration."""


@dataclass(slots=True)
class _Size:
    """Calls of about one size. By count of threads: `cost`, seconds a row of late; `tried`, when; `wait`, until the
    next trial. `slow`, `settled`: the last call was, with the `count` in use."""

    count: int
    cost: dict[int, float] = field(default_factory=dict)
    tried: dict[int, float] = field(default_factory=dict)
    wait: dict[int, float] = field(default_factory=dict)
    slow: bool = False
    settled: bool = False


class Threads:
    """Chooses for calls of any size, by what they took."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sizes: dict[tuple[int, Sequence[int]], _Size] = {}
        self._last: dict[Sequence[int], int] = {}

    def choose(self, rows: int, counts: tuple[int, ...]) -> int:
        """One of `counts`, ascending, for a call of so many rows."""
        if len(counts) == 1:
            return counts[0]
        size = self._size(rows, counts)
        now = self._clock()
        fewer = [count for count in counts if count < size.count]
        if size.slow and fewer:
            size.slow = False
            return fewer[0]
        if not size.settled:
            return size.count  # one trial after the other would be a long time
        due = (count for count in counts if now - size.tried[count] > self._patience(size, count, rows))
        return next((count for count in due if count != size.count), size.count)

    def took(self, rows: int, counts: tuple[int, ...], count: int, seconds: float) -> None:
        """A call that was chosen for took so long."""
        if len(counts) == 1:
            return
        size, cost = self._size(rows, counts), seconds / rows
        size.tried[count] = self._clock()
        size.settled = count == size.count
        if size.settled:
            usual = size.cost.get(count, cost)
            size.slow = cost > _SLOW * usual
            size.cost[count] = (1 - _NEWEST) * usual + _NEWEST * cost
            return
        size.cost[count] = cost
        if cost < _BETTER * size.cost.get(size.count, cost):
            size.wait[size.count] = _SOON
            size.count = self._last[counts] = count
        else:
            longest = _FEWER if count < size.count else _SELDOM
            size.wait[count] = min(longest, 2 * size.wait.get(count, _SOON))

    def _patience(self, size: _Size, count: int, rows: int) -> float:
        """Seconds from one trial of `count` to the next."""
        more = size.cost.get(count, 0.0) - size.cost.get(size.count, 0.0)
        return max(size.wait.get(count, _SOON), _SHARE * (len(size.tried) - 1) * rows * more)

    def _size(self, rows: int, counts: tuple[int, ...]) -> _Size:
        """The state of calls of this size; a new one begins with what was best for others."""
        key = rows.bit_length(), counts
        if key not in self._sizes:
            self._sizes[key] = _Size(self._last.get(counts, counts[-1]), tried=dict.fromkeys(counts, self._clock()))
        return self._sizes[key]
