"""How many threads compute a call: as many as have lately brought it forward, for calls of each size by themselves.

More threads are faster on an idle machine, and may be slower where other programs want the cores: a thread then waits
for one that is not running. So what counts is the progress seen, in seconds a row, and nothing is believed for long:

1. the count in use is kept while it is the fastest
2. when calls become much slower than usual, fewer threads are tried at once
3. every other count is tried again after a while: soon where it might be better, seldom where it has lost
   often, and never so often that trying costs more than a twentieth of the time
4. a trial is a few calls, since one says little on a busy machine; it ends with the first that is far slower

Knows no model; time is a clock's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

_SLOW, _FAR_SLOWER = 1.5, 3.0
"""Times the usual duration of a call: the machine may have changed; it has."""
_BETTER = 0.95
"""Times the duration with the count in use: worth a change."""
_SOON, _FEWER, _SELDOM = 0.25, 1.0, 8.0
"""Seconds until a count is tried again: at first, at most where it has fewer threads, at most otherwise."""
_SHARE = 20
"""Seconds to a second that trying costs more than the count in use."""
_TRIAL = 4
"""Calls."""
_NEWEST, _OF_USUAL = 0.3, 0.1
"""What the newest call counts for in the recent duration, and in the usual one."""


@dataclass(slots=True)
class _Size:
    """Calls of about one size, with `count` threads. By count of threads: `cost`, recent seconds a row; `tried`, when;
    `wait`, until the next trial. `usual`: seconds a row with `count`; `trial`: the costs of a trial of `trying`."""

    count: int
    trying: int
    cost: dict[int, float] = field(default_factory=dict)
    tried: dict[int, float] = field(default_factory=dict)
    wait: dict[int, float] = field(default_factory=dict)
    usual: float = 0.0
    trial: list[float] = field(default_factory=list)
    settled: bool = False

    def use(self, count: int) -> None:
        """From now on, `count`."""
        self.count = self.trying = count
        self.usual, self.trial, self.settled = self.cost.get(count, 0.0), [], False


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
        if size.trying == size.count and size.settled:
            now, late = self._clock(), size.cost[size.count]
            if late > _SLOW * size.usual and size.count > counts[0]:
                size.usual = late  # so it is from now on, if fewer are no better
                size.trying = counts[0]
            else:
                due = (count for count in counts if now - size.tried[count] > self._patience(size, count, rows))
                size.trying = next((count for count in due if count != size.count), size.count)
        return size.trying

    def took(self, rows: int, counts: tuple[int, ...], count: int, seconds: float) -> None:
        """A call that was chosen for took so long."""
        if len(counts) == 1:
            return
        size, cost = self._size(rows, counts), seconds / rows
        size.tried[count] = self._clock()
        if count != size.count:
            self._tried(size, counts, count, cost)
            return
        late = size.cost.get(count, cost)
        far = size.usual and cost > _FAR_SLOWER * size.usual
        size.cost[count] = cost if far else (1 - _NEWEST) * late + _NEWEST * cost
        size.usual = (1 - _OF_USUAL) * size.usual + _OF_USUAL * cost if size.usual and not far else size.usual or cost
        size.settled = True

    def _tried(self, size: _Size, counts: tuple[int, ...], count: int, cost: float) -> None:
        """One call of a trial; after the last one, what comes of it."""
        size.trial.append(cost)
        current = size.cost.get(size.count, cost)
        if len(size.trial) < _TRIAL and cost < _FAR_SLOWER * current:
            return
        size.cost[count] = found = sum(size.trial) / len(size.trial)
        if found < _BETTER * current:
            size.wait[size.count] = _SOON
            self._last[counts] = count
            size.use(count)
            return
        longest = _FEWER if count < size.count else _SELDOM
        size.wait[count] = min(longest, 2 * size.wait.get(count, _SOON))
        size.trying, size.trial, size.settled = size.count, [], False

    def _patience(self, size: _Size, count: int, rows: int) -> float:
        """Seconds from one trial of `count` to the next."""
        more = size.cost.get(count, 0.0) - size.cost[size.count]
        calls = _TRIAL if more < _FAR_SLOWER * size.cost[size.count] else 1
        return max(size.wait.get(count, _SOON), _SHARE * calls * (len(size.tried) - 1) * rows * more)

    def _size(self, rows: int, counts: tuple[int, ...]) -> _Size:
        """The state of calls of this size; a new one begins with what was best for others."""
        key = rows.bit_length(), counts
        if key not in self._sizes:
            first = self._last.get(counts, counts[-1])
            self._sizes[key] = _Size(first, first, tried=dict.fromkeys(counts, self._clock()))
        return self._sizes[key]
