"""The store, in SQLite and PostgreSQL alike: versions, limits, budgets, holds, the ledger."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy import text

from mimo.accounts.bucket import UNIT, Level, Limit
from mimo.accounts.manage import Wanted, add, listed
from mimo.accounts.problem import StoreProblem
from mimo.accounts.row import Row
from mimo.accounts.store.ledger import BY, settle, usage
from mimo.accounts.store.limits import balance, beat, end_worker, give, level, take
from mimo.accounts.store.schema import STEPS, migrate, version_of
from mimo.accounts.store.store import Store, store_url
from mimo.accounts.want import LEASE, Budget, Want

MINUTE = 60_000_000
START = 1_795_600_000_000_000
LIMIT = Limit("account\na\nm\ntokens", 600)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timed(new_store, clock) -> Store:
    return new_store(clock)


def taken(store, of, least, most=None, more=0, worker="w"):
    """What is given, None for a refusal."""
    want = Want(of, least, least if most is None else most, more)
    with store.begin() as connection:
        return take(connection, worker, [want], lambda: store.now(connection))[0].amount


def returned(store, of, amount, worker="w"):
    with store.begin() as connection:
        give(connection, worker, [(of, amount)], lambda: store.now(connection))


def a_row(number, key, cost=0, **more) -> Row:
    made = Row(
        f"id-{number}", f"req-{number}", START, key.account, key.id, key.name, "mimo-v2-flash", "openai_chat", "e/m",
        10, 2, 5, 1, "1/1/1", cost, 0.5, 1.5, "stop", True,
    )  # fmt: skip
    return Row(**{**{name: getattr(made, name) for name in Row.__struct_fields__}, **more})


def settled(store, rows, worker="w") -> int:
    with store.begin() as connection:
        return settle(connection, worker, rows, store.now(connection))


def test_a_store_begins_with_its_first_key(new_store):
    store = new_store(create=False)
    assert not store.open() and listed(store) == []
    add(store, Wanted("bob"), ["mimo-v2-flash"])
    assert store.open() and [key.name for key in listed(new_store(create=False))] == ["bob"]


def test_a_store_of_a_newer_version_is_refused_in_one_line(store, new_store):
    with store.begin() as connection:
        connection.execute(text("update mimo_state set version = 99"))
    with pytest.raises(StoreProblem, match="was written by a newer mimo: it has version 99, and this one knows up to"):
        new_store(create=False).open()


def test_an_older_store_is_brought_up_to_date_once(store):
    steps = [*STEPS, lambda connection: connection.execute(text("alter table mimo_key add column note text"))]
    for _ in range(2):
        with store.begin() as connection:
            migrate(connection, store.where, steps)
            assert version_of(connection) == len(STEPS) + 1
    with store.begin() as connection:
        connection.execute(text("select note from mimo_key"))


def test_a_store_of_the_first_version_keeps_its_keys(store, new_store):
    made = add(store, Wanted("bob", models=["mimo-v2-flash"]), ["mimo-v2-flash"])[0]
    with store.begin() as connection:
        for column in ("old_digest", "old_until"):
            connection.execute(text(f"alter table mimo_key drop column {column}"))
        connection.execute(text("update mimo_state set version = 1"))
    assert listed(new_store()) == [made]


def test_a_step_that_fails_leaves_the_store_as_it_was(store):
    def broken(connection):
        connection.execute(text("alter table mimo_key add column note text"))
        raise OSError("no space left")

    with pytest.raises(StoreProblem, match="no space left"), store.begin() as connection:
        migrate(connection, store.where, [*STEPS, broken])
    with store.begin() as connection:
        assert version_of(connection) == len(STEPS)
    with pytest.raises(StoreProblem), store.begin() as connection:
        connection.execute(text("select note from mimo_key"))


def test_the_clock_is_the_database_s_own(store):
    with store.begin() as connection:
        first, second = store.now(connection), store.now(connection)
    assert START - 10 * 365 * 86_400 * 10**6 < first <= second


STEPS_OF_A_BUCKET = some.lists(
    some.tuples(some.integers(0, MINUTE), some.sampled_from(["take", "give"]), some.integers(0, 700)), max_size=12
)
_seen = iter(range(10**6))


@settings(derandomize=True, max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS_OF_A_BUCKET)
def test_a_bucket_in_the_store_is_the_bucket_in_memory(timed, clock, steps):
    limit = Limit(f"bucket {next(_seen)}", 600)
    expected = Level(limit.capacity, clock.now)
    for passed, kind, amount in steps:
        clock.now += passed
        expected = expected.at(clock.now, limit)
        if kind == "give":
            returned(timed, limit, amount)
            expected = expected.plus(amount, limit)
        else:
            got = expected.takes(amount, amount, limit)
            assert taken(timed, limit, amount) == got
            expected = expected.plus(-(got or 0), limit)
        with timed.begin(writes=False) as connection:
            assert level(connection, limit, clock.now).units == expected.units


def test_what_is_taken_ahead_is_taken_only_where_there_is_plenty(timed):
    assert taken(timed, LIMIT, 10, more=50) == 60
    assert taken(timed, LIMIT, 300, more=50) == 300  # 240 are left: less than eight times as much


def test_a_request_takes_everything_or_nothing(timed):
    other = Limit("key\nk\nm\nrequests", 1)
    with timed.begin() as connection:
        take(connection, "w", [Want(other, 1, 1)], lambda: timed.now(connection))
    with timed.begin() as connection:
        grants = take(connection, "w", [Want(LIMIT, 5, 5), Want(other, 1, 1)], lambda: timed.now(connection))
    assert grants[1].amount is None
    with timed.begin(writes=False) as connection:
        assert level(connection, LIMIT, START).units == LIMIT.capacity


def test_a_clock_that_is_set_back_does_not_lock_a_bucket(timed, clock):
    assert taken(timed, LIMIT, 600) == 600
    clock.now -= 3600 * 10**6
    assert taken(timed, LIMIT, 10) is None
    clock.now += 10**6
    assert taken(timed, LIMIT, 10) == 10  # ten a second, as always


@pytest.fixture
def key(timed):
    return add(timed, Wanted("bob", budget=1e-9, reset="daily"), ["mimo-v2-flash"])[0]


def at(store, budget):
    with store.begin(writes=False) as connection:
        found = balance(connection, budget, store.now(connection))
        return found.spent, found.held


def lives(store, worker="w", **holds: int):
    with store.begin() as connection:
        return beat(connection, worker, store.now(connection), holds)


def test_a_budget_is_held_then_spent_and_never_given_twice(timed, key):
    budget = Budget(key.id, 1000, "daily")
    lives(timed), lives(timed, "v")
    assert taken(timed, budget, 100, 700) == 700
    assert taken(timed, budget, 100, 700, worker="v") == 300  # what is left
    assert taken(timed, budget, 1, 1, worker="v") is None
    assert settled(timed, [a_row(1, key, 200)]) == 1
    assert at(timed, budget) == (200, 800)
    returned(timed, budget, 500)
    assert at(timed, budget) == (200, 300)


def test_a_row_is_written_and_paid_once_however_often_it_is_tried(timed, key):
    budget = Budget(key.id, 1000, "daily")
    lives(timed)
    taken(timed, budget, 400)
    rows = [a_row(1, key, 100), a_row(1, key, 100), a_row(2, key, 50)]
    assert [settled(timed, rows), settled(timed, rows), settled(timed, rows[:1])] == [2, 0, 0]
    assert at(timed, budget) == (150, 250)


def test_a_failure_in_the_middle_of_settling_leaves_nothing_behind(timed, key):
    budget = Budget(key.id, 1000, "daily")
    with pytest.raises(StoreProblem), timed.begin() as connection:
        settle(connection, "w", [a_row(1, key, 100)], START)
        raise OSError("the disk is gone")
    assert at(timed, budget) == (0, 0)
    with timed.begin(writes=False) as connection:
        assert usage(connection, "key") == []
    assert settled(timed, [a_row(1, key, 100)]) == 1 and at(timed, budget) == (100, 0)


def test_a_dead_worker_s_holds_are_free_when_its_lease_is_over(timed, clock, key):
    budget = Budget(key.id, 1000, "daily")
    lives(timed, "dead")
    assert taken(timed, budget, 1000, worker="dead") == 1000
    clock.now += LEASE
    assert taken(timed, budget, 1) is None
    clock.now += 1
    assert taken(timed, budget, 1000) == 1000
    clock.now += LEASE
    lives(timed)
    with timed.begin(writes=False) as connection:
        assert connection.execute(text("select count(*) from mimo_hold where worker = 'dead'")).scalar_one() == 0


def test_a_worker_that_was_taken_for_dead_holds_again_what_it_says(timed, clock, key):
    budget = Budget(key.id, 1000, "daily")
    assert lives(timed, "stopped") and not lives(timed, "stopped")
    assert taken(timed, budget, 400, worker="stopped") == 400
    clock.now += 3 * LEASE
    lives(timed)
    assert at(timed, budget) == (0, 0) and taken(timed, budget, 300, worker="w") == 300
    assert lives(timed, "stopped", **{key.id: 400})
    assert at(timed, budget) == (0, 700)
    assert not lives(timed, "stopped", **{key.id: 1}) and at(timed, budget) == (0, 700)


def test_what_a_worker_holds_is_free_at_once_when_its_end_is_known(timed, key):
    budget = Budget(key.id, 1000, "daily")
    lives(timed, "dead")
    taken(timed, budget, 1000, worker="dead")
    with timed.begin() as connection:
        end_worker(connection, "dead")
    assert at(timed, budget) == (0, 0)


def test_a_budget_is_whole_again_in_the_next_period(timed, clock, key):
    budget = Budget(key.id, 1000, "daily")
    settled(timed, [a_row(1, key, 1000)])
    assert taken(timed, budget, 1) is None
    clock.now += 86_400 * 10**6
    assert at(timed, budget) == (0, 0)
    assert taken(timed, budget, 1) == 1


def test_a_clock_that_is_set_back_to_the_last_period_charges_nothing_twice(timed, clock, key):
    """The budget of a period that is over is not brought back: what was spent since stays spent."""
    budget = Budget(key.id, 1000, "daily")
    settled(timed, [a_row(1, key, 300)])
    clock.now -= 10**6
    settled(timed, [a_row(1, key, 300), a_row(2, key, 100)])
    assert at(timed, budget) == (400, 0)


def test_a_clock_that_runs_ahead_a_day_and_is_set_right_brings_back_no_budget(timed, clock, key):
    budget, day = Budget(key.id, 1000, "daily"), 86_400 * 10**6
    settled(timed, [a_row(1, key, 600)])
    clock.now += day
    settled(timed, [a_row(2, key, 100, ended=clock.now)])
    assert at(timed, budget) == (100, 0)
    clock.now -= day
    assert at(timed, budget) == (700, 0)  # what was spent in between counts too: nobody knows when it really was
    settled(timed, [a_row(3, key, 50, ended=clock.now)])
    assert at(timed, budget) == (750, 0) and taken(timed, budget, 251) is None


def test_sums_are_the_rows_and_exact_beyond_64_bits(timed, key):
    large = 5 * 10**18 + 123_456_789_012  # five million dollars
    rows = [a_row(number, key, large, exact=number != 2) for number in range(4)]
    rows.append(a_row(9, replace(key, id="", name="configured"), 7, ended=START + 86_400 * 10**6, model="mimo-v2-pro"))
    settled(timed, rows)
    with timed.begin(writes=False) as connection:
        found = {by: usage(connection, by) for by in BY}
        assert [row.name for row in found["day"]] == ["2026-11-25", "2026-11-26"]
        for sums in found.values():
            assert sum(row.cost for row in sums) == 4 * large + 7
            assert sum(row.requests for row in sums) == 5 and sum(row.estimated for row in sums) == 1
            assert (sum(row.prompt_tokens for row in sums), sum(row.completion_tokens for row in sums)) == (50, 25)
        assert [row.name for row in usage(connection, "model", since=START + 1)] == ["mimo-v2-pro"]
        assert [row.name for row in usage(connection, "model", until=START + 1)] == ["mimo-v2-flash"]
        assert [row.requests for row in usage(connection, "model", key_id=key.id)] == [4]


def test_a_full_disk_is_one_line_and_loses_nothing_that_was_there(tmp_path):
    store = Store(store_url(None, tmp_path))
    key = add(store, Wanted("bob"), ["mimo-v2-flash"])[0]
    settled(store, [a_row(number, key, 1) for number in range(20)])
    with store.begin() as connection:
        pages = connection.execute(text("pragma page_count")).scalar_one()
        connection.execute(text(f"pragma max_page_count = {pages + 2}"))
    with pytest.raises(StoreProblem, match="database or disk is full") as problem:
        settled(store, [a_row(number, key, 1) for number in range(20, 2000)])
    assert "\n" not in str(problem.value)
    with store.begin() as connection:
        assert usage(connection, "key")[0].requests == 20
        connection.execute(text("pragma max_page_count = 100000"))
    assert settled(store, [a_row(number, key, 1) for number in range(2000)]) == 1980
    store.close()


def test_a_file_that_is_no_store_is_one_line(tmp_path):
    (tmp_path / "accounts.db").write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(StoreProblem, match="not a database") as problem:
        Store(store_url(None, tmp_path)).open()
    assert "\n" not in str(problem.value)


def test_a_database_of_somebody_else_s_is_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / "accounts.db") as connection:
        connection.execute("create table other (x)")
    assert not Store(store_url(None, tmp_path)).open()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "must be a URL such as postgresql://"),
        ("mysql://a@b/c", "begins with postgresql:// or sqlite:///, got mysql://"),
        ("", "must be a URL"),
    ],
)
def test_a_url_that_cannot_be_used_is_one_line(tmp_path, url, words):
    with pytest.raises(StoreProblem, match=words):
        store_url(url, tmp_path)


def test_a_password_is_not_shown(tmp_path):
    store = Store(store_url("postgresql://me:sesame@127.0.0.1:1/x", tmp_path))
    with pytest.raises(StoreProblem) as problem:
        store.open()
    assert "sesame" not in str(problem.value) and "sesame" not in store.where


def test_units_are_a_minute_of_microseconds():
    assert MINUTE == UNIT
