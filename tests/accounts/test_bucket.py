"""The token bucket against a reference in exact fractions."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as some

from mimo.accounts.bucket import UNIT, Level, Limit

STEPS = some.lists(
    some.tuples(
        some.integers(0, 200_000_000),  # microseconds that pass
        some.sampled_from(["take", "give"]),
        some.integers(0, 2000),
        some.integers(0, 2000),
    ),
    max_size=60,
)


class Reference:
    """A bucket as one writes it down: fractions of a token, fractions of a minute."""

    def __init__(self, per_minute: int) -> None:
        self.capacity = Fraction(per_minute)
        self.level = self.capacity

    def pass_time(self, microseconds: int) -> None:
        self.level = min(self.capacity, self.level + self.capacity * Fraction(microseconds, 60_000_000))

    def take(self, least: int, most: int) -> int | None:
        if least > 0 and self.level < min(Fraction(least), self.capacity):
            return None
        taken = min(most, int(max(Fraction(0), self.level)))
        self.level -= taken
        return taken

    def give(self, amount: int) -> None:
        self.level = min(self.capacity, self.level + amount)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(per_minute=some.integers(1, 1500), steps=STEPS)
def test_the_bucket_is_the_reference_to_the_last_fraction(per_minute, steps):
    limit, reference = Limit("x", per_minute), Reference(per_minute)
    level, now = Level(limit.capacity, 0), 0
    for passed, kind, one, other in steps:
        now += passed
        reference.pass_time(passed)
        level = level.at(now, limit)
        if kind == "give":
            level = level.plus(one, limit)
            reference.give(one)
        else:
            least, most = sorted((one, other))
            taken = level.takes(least, most, limit)
            assert taken == reference.take(least, most)
            if taken is not None:
                level = level.plus(-taken, limit)
        assert Fraction(level.units, UNIT) == reference.level


@settings(derandomize=True, max_examples=300, deadline=None)
@given(
    per_minute=some.integers(1, 10**9),
    missing=some.integers(0, 10**9),
    least=some.integers(1, 10**9),
    start=some.integers(0, 10**15),
)
def test_the_wait_is_exact_to_the_microsecond(per_minute, missing, least, start):
    limit = Limit("x", per_minute)
    level = Level(limit.capacity - min(missing, per_minute) * UNIT, start)
    wait = level.wait(least, limit)
    assert level.at(start + wait, limit).takes(least, least, limit) is not None
    if wait:
        assert level.at(start + wait - 1, limit).takes(least, least, limit) is None


@settings(derandomize=True, max_examples=200, deadline=None)
@given(per_minute=some.integers(1, 1000), asks=some.lists(some.integers(0, 5_000_000), max_size=200))
def test_no_span_of_time_gives_more_than_a_full_bucket_and_what_flows_in(per_minute, asks):
    limit = Limit("x", per_minute)
    level, now, taken = Level(limit.capacity, 0), 0, 0
    for passed in asks:
        now += passed
        level = level.at(now, limit)
        got = level.takes(1, 7, limit) or 0
        level, taken = level.plus(-got, limit), taken + got
        assert taken <= per_minute + Fraction(per_minute * now, UNIT)


def test_a_clock_that_is_set_back_neither_gives_nor_locks():
    limit = Limit("x", 60)
    empty = Level(0, 10**12)
    back = empty.at(10**12 - 3_600_000_000, limit)  # an hour
    assert back.units == 0
    assert back.at(back.stamp + 1_000_000, limit).units == UNIT  # a token a second, from the new time on


def test_a_clock_that_is_a_little_late_gives_nothing_twice():
    limit = Limit("x", 60)
    level = Level(0, 10**12)
    for late in (500_000, 400_000, 0):
        level = level.at(10**12 - late, limit)
    assert level.units == 0


def test_more_than_a_bucket_holds_needs_a_full_one():
    limit = Limit("x", 100)
    assert Level(limit.capacity, 0).takes(1000, 1000, limit) == 100
    assert Level(limit.capacity - 1, 0).takes(1000, 1000, limit) is None


def test_what_was_used_beyond_is_waited_for():
    limit = Limit("x", 60)
    level = Level(limit.capacity, 0).plus(-90, limit)
    assert level.takes(1, 1, limit) is None and level.wait(1, limit) == 31_000_000
