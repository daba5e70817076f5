"""Keys: what they may be, when they end, when their budget is whole again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mimo.accounts.key import digest_of, expiry, new_secret, period_end, period_start
from mimo.accounts.manage import Wanted, add, listed, revoke, rotate, show
from mimo.accounts.problem import KeyProblem

NOW = datetime(2026, 11, 25, 18, 30, tzinfo=UTC)  # a Wednesday
MODELS = ["mimo-v2-pro", "mimo-v2-flash"]


def micro(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return round(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp() * 10**6)


@pytest.mark.parametrize(
    ("reset", "start", "end"),
    [
        ("daily", micro(2026, 11, 25), micro(2026, 11, 26)),
        ("weekly", micro(2026, 11, 23), micro(2026, 11, 30)),
        ("monthly", micro(2026, 11, 1), micro(2026, 12, 1)),
        (None, 0, None),
    ],
)
def test_periods_begin_at_midnight_on_monday_and_on_the_first(reset, start, end):
    now = round(NOW.timestamp() * 10**6)
    assert (period_start(reset, now), period_end(reset, now)) == (start, end)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("12h", micro(2026, 11, 26, 6, 30)),
        ("30d", micro(2026, 12, 25, 18, 30)),
        ("2026-11-25", micro(2026, 11, 26)),
        ("2026-12-01T00:00:00+02:00", micro(2026, 11, 30, 22)),
    ],
)
def test_a_key_ends_when_its_words_say(text, end):
    assert expiry(text, NOW) == end


@pytest.mark.parametrize("text", ["", "soon", "0d", "-3d", "2026-11-24", "99999999999d", "d"])
def test_an_end_that_is_none_is_refused(text):
    with pytest.raises(KeyProblem, match="expires must be"):
        expiry(text, NOW)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Wanted("x", models=["gpt-4"]), "models must be of mimo-v2-pro, mimo-v2-flash, got 'gpt-4'"),
        (Wanted("x", requests_per_minute=-1), "rpm must be between 1 and 10,000,000,000, got -1"),
        (Wanted("x", tokens_per_minute=0), "tpm must be between 1"),
        (Wanted("x", budget=-2.0), "budget must be more than 0"),
        (Wanted("x", budget=float("nan")), "budget must be more than 0"),
        (Wanted("x", budget=float("inf")), "budget must be more than 0"),
        (Wanted("x", budget=1e-13), "budget must be more than 0"),
        (Wanted("x", reset="daily"), "reset is for a budget"),
        (Wanted("x", budget=1.0, reset="yearly"), "reset must be one of daily, weekly, monthly"),
        (Wanted(""), "a key's name must be 1 to 100"),
        (Wanted("a\nb"), "a key's name must be"),
        (Wanted("x", account="y" * 101), "an account must be"),
    ],
)
def test_what_a_key_cannot_be_is_one_line_and_makes_no_store(new_store, wanted, words):
    store = new_store(create=False)
    with pytest.raises(KeyProblem) as problem:
        add(store, wanted, MODELS)
    assert words in str(problem.value) and "\n" not in str(problem.value)
    assert listed(store) == []


def test_a_secret_is_kept_as_its_digest_and_shown_once(store):
    key, secret = add(store, Wanted("bob"), MODELS)
    assert secret.startswith("sk-") and len(secret) == 46 and secret != new_secret()
    assert listed(store) == [key] and key.digest == digest_of(secret)
    assert secret not in repr(listed(store)) and key.shown == f"{secret[:7]}…"


def test_a_name_is_taken_until_its_key_is_revoked(store):
    add(store, Wanted("bob"), MODELS)
    with pytest.raises(KeyProblem, match="there is a key 'bob' already"):
        add(store, Wanted("bob"), MODELS)
    revoke(store, "bob")
    add(store, Wanted("bob"), MODELS)
    assert [key.revoked is None for key in listed(store)] == [False, True]


def test_a_new_secret_voids_the_old_one_and_keeps_who_the_key_is(store):
    before, old = add(store, Wanted("bob", models=["mimo-v2-pro"], budget=1.5, reset="weekly"), MODELS)
    after, new = rotate(store, "bob")
    assert after.id == before.id and after.digest == digest_of(new) != digest_of(old)
    assert show(store, "bob").key == after and after.budget == 15 * 10**11 and after.models == ("mimo-v2-pro",)


@pytest.mark.parametrize("name", ["a\0b", "\udcff", "\n"])
def test_a_name_that_no_database_takes_is_no_key(store, name):
    with pytest.raises(KeyProblem, match="there is no key"):
        show(store, name)


def test_an_old_secret_lets_in_until_the_overlap_ends_and_only_the_one_before(store):
    old = add(store, Wanted("bob"), MODELS)[1]
    key, new = rotate(store, "bob", "2h")
    assert key.old_until is not None
    now = key.old_until - 1
    assert [key.takes(digest_of(secret), now) for secret in (old, new)] == [True, True]
    assert [key.takes(digest_of(secret), now + 1) for secret in (old, new)] == [False, True]
    assert listed(store) == [key] and key.old_digest == digest_of(old)
    assert rotate(store, "bob", "2h")[0].old_digest == digest_of(new)
    assert rotate(store, "bob")[0].old_digest is None
    with pytest.raises(KeyProblem, match="overlap must be a time to come: 12h"):
        rotate(store, "bob", "-1h")


@pytest.mark.parametrize("act", [rotate, revoke, show])
def test_a_key_that_is_not_there_is_said(store, act):
    with pytest.raises(KeyProblem, match="there is no key 'eve'"):
        act(store, "eve")
