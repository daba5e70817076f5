"""The choice of threads, on a simulated machine that is idle or busy: it follows both ways, soon, and costs little."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from mimo.engines.local.model.threads import Threads

Speed = Callable[[int], float]


def idle(count: int) -> float:
    return float(count**0.9)


def busy(count: int) -> float:
    """Others want the cores, and threads wait for each other: two are as slow as in a measured case, 16 times."""
    return 0.5 if count == 1 else 0.03


def mildly_busy(count: int) -> float:
    return 0.5 if count == 1 else 0.45


class Machine:
    """Calls of `rows` rows that take one thread `work` seconds on an idle machine."""

    def __init__(self, counts: tuple[int, ...], work: float, rows: int = 4) -> None:
        self.now, self.counts, self.work, self.rows = 0.0, counts, work, rows
        self.threads = Threads(lambda: self.now)
        self.log: list[tuple[float, int, float]] = []

    def run(self, seconds: float, speed: Speed) -> list[tuple[float, int, float]]:
        """(begun, threads, seconds) of each call."""
        start, end = len(self.log), self.now + seconds
        while self.now < end:
            begun, count = self.now, self.threads.choose(self.rows, self.counts)
            self.now += self.work / speed(count)
            self.threads.took(self.rows, self.counts, count, self.now - begun)
            self.log.append((begun, count, self.now - begun))
        return self.log[start:]


def share(calls: list[tuple[float, int, float]], count: int) -> float:
    """Of the time, that in calls with so many threads."""
    return sum(took for _, threads, took in calls if threads == count) / sum(took for *_, took in calls)


@pytest.mark.parametrize("counts", [(1, 2), (1, 4, 7, 8), (1, 32, 63, 64)])
@pytest.mark.parametrize("work", [0.004, 0.02, 0.3])
def test_an_idle_machine_is_used_whole(counts: tuple[int, ...], work: float) -> None:
    machine = Machine(counts, work)
    seconds = min(30, 500 * work)
    machine.run(20 * work + 1, idle)
    rate = len(machine.run(seconds, idle)) / seconds
    assert rate > 0.85 * idle(counts[-1]) / work


@pytest.mark.parametrize("counts", [(1, 2), (1, 4, 7, 8)])
@pytest.mark.parametrize("work", [0.004, 0.02, 0.05])
def test_a_busy_machine_is_never_slower_than_one_thread_for_longer_than_a_second(
    counts: tuple[int, ...], work: float
) -> None:
    machine = Machine(counts, work)
    machine.run(5, idle)
    calls = machine.run(60, busy)
    longest = work / busy(2)  # of a single call, which cannot be left
    slower = 0.0
    for begun, count, took in calls:
        slower = 0.0 if count == 1 else slower + took
        assert slower <= 1.0 + longest, f"{count} threads at {begun}"
    assert share(calls, 1) > 0.85


def test_the_way_back_is_taken_when_the_others_have_left() -> None:
    machine = Machine((1, 2), 0.02)
    machine.run(10, idle)
    machine.run(60, busy)
    machine.run(10, idle)
    assert share(machine.run(10, idle), 2) > 0.9


def test_a_mild_load_that_makes_no_call_strikingly_slow_is_noticed_too() -> None:
    machine = Machine((1, 2), 0.02)
    machine.run(10, lambda count: 1.0)  # no gain at all
    assert share(machine.run(20, mildly_busy), 1) > 0.8


def test_calls_of_very_uneven_length_do_not_drive_it_about() -> None:
    """A busy machine on which two threads still gain: their share of it is twice that of one. Seed 1."""
    dice = random.Random(1)
    machine = Machine((1, 2), 0.02)
    calls = machine.run(120, lambda count: 0.35 * count * dice.choice((0.4, 0.7, 1.5, 2.5)))
    assert share(calls, 2) > 0.75


def test_a_count_that_an_operator_chose_is_kept() -> None:
    assert {count for _, count, _ in Machine((3,), 0.02).run(5, busy)} == {3}
