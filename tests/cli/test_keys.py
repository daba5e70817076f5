"""`mimo keys` and `mimo usage` as a person runs them."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from tests.cli.command import mimo

from mimo.accounts.row import Row
from mimo.accounts.store.ledger import settle
from mimo.accounts.store.store import Store, store_url


@pytest.fixture
def keys(tmp_path):
    def run(*arguments: str, command=("keys",), **more):
        return mimo(*command, *arguments, "--data-dir", str(tmp_path / "data"), **more)

    return run


def test_a_key_is_made_shown_listed_changed_and_revoked(keys):
    made = keys("add", "bob", "--rpm", "60", "--budget", "2.5", "--reset", "daily", "--models", "mimo-v2-flash")
    assert made.returncode == 0 and re.fullmatch(r"sk-[\w-]{43}\n", made.stdout), made.stderr
    listed = json.loads(keys("list", "--json").stdout)
    assert [(row["name"], row["requests_per_minute"], row["budget"]) for row in listed] == [("bob", 60, "2.50")]
    assert made.stdout.strip() not in json.dumps(listed)
    shown = json.loads(keys("show", "bob").stdout)
    assert (shown["left"], shown["reset"], shown["models"]) == ("2.50", "daily", ["mimo-v2-flash"])
    changed = keys("rotate", "bob").stdout
    assert changed != made.stdout and re.fullmatch(r"sk-[\w-]{43}\n", changed)
    assert keys("revoke", "bob").stdout == "bob is revoked\n"
    assert "revoked" in keys("list").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("add", "bob", "--models", "gpt-4"),
            "models must be of mimo-v2-pro, mimo-v2-omni, mimo-v2-flash, got 'gpt-4'",
        ),
        (("add", "bob", "--models", " , "), "models must name at least one, comma-separated, got ' , '"),
        (("add", "bob", "--models", ""), "models must name at least one"),
        (("add", "bob", "--budget", "nan"), "budget must be more than 0"),
        (("add", "bob", "--budget", "1e400"), "budget must be more than 0"),
        (("add", "bob", "--expires", "1999-01-01"), "expires must be a time to come"),
        (("add", "bob", "--expires", "99999999999d"), "expires must be a time to come"),
        (("add", "bob", "--tpm", "10000000001"), "tpm must be between 1 and 10,000,000,000"),
        (("add", "bob\x1b[31m"), "a key's name must be 1 to 100 printable characters"),
        (("add", "bob", "--account", "a\u202eb"), "an account must be 1 to 100 printable characters"),
        (("add", "bob", "--rpm", "-5"), "rpm must be between 1 and 10,000,000,000, got -5"),
        (("add", "bob", "--budget", "0"), "budget must be more than 0"),
        (("add", "bob", "--accounts", "mysql://x/y"), "got mysql://"),
        (("show", "eve"), "there are no accounts in"),
        (("rotate", "eve"), "mimo keys add NAME makes the first key"),
        (("add", "bob", "--accounts", "postgresql://nobody@127.0.0.1:1/none"), "accounts in postgresql"),
    ],
)
def test_what_is_wrong_is_one_line(keys, arguments, words):
    done = keys(*arguments)
    assert done.returncode == 1 and words in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_a_name_that_is_taken_is_one_line(keys):
    keys("add", "bob")
    done = keys("add", "bob")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "there is a key 'bob' already" in done.stderr


def test_a_place_that_is_no_directory_is_one_line(keys, tmp_path):
    (tmp_path / "data").write_text("")
    done = keys("add", "bob")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "accounts.db" in done.stderr


def test_a_name_is_no_formula_in_csv_and_no_markup_on_a_terminal(keys, tmp_path):
    names = ["=cmd|' /C calc'!A0", "@SUM(1)", "[red]bob[/red]", "[/]"]
    for name in names:
        assert keys("add", name).returncode == 0
    store = Store(store_url(None, tmp_path / "data"))
    rows = [
        Row(str(at), "r", 1_795_600_000_000_000, name, "", name, "mimo-v2-flash", "openai_chat", "e/m",
            1000, 0, 20, 0, "p", 106_000_000, None, 1.0, "stop", True)
        for at, name in enumerate(names)
    ]  # fmt: skip
    with store.begin() as connection:
        settle(connection, "w", rows, 0)
    store.close()
    listed = keys("list").stdout
    assert all(name in listed for name in names)
    table = keys("--by", "key", command=("usage",)).stdout
    assert all(name in table for name in names)
    found = [row["key"] for row in csv.DictReader(io.StringIO(keys("--csv", "--by", "key", command=("usage",)).stdout))]
    assert sorted(found) == sorted([f"'{names[0]}", f"'{names[1]}", *names[2:]])


def test_usage_is_a_table_csv_and_json(keys, tmp_path):
    keys("add", "bob")
    store = Store(store_url(None, tmp_path / "data"))
    row = Row(
        "1", "r", 1_795_600_000_000_000, "bob", "", "bob", "mimo-v2-flash", "openai_chat", "e/m",
        1000, 0, 20, 0, "p", 106_000_000, None, 1.0, "stop", True,
    )  # fmt: skip
    with store.begin() as connection:
        settle(connection, "w", [row], 0)
    store.close()
    table = keys(command=("usage",)).stdout
    assert "2026-11-25" in table and "0.000106" in table and "█" in table
    found = next(csv.DictReader(io.StringIO(keys("--csv", "--by", "model", command=("usage",)).stdout)))
    assert (found["model"], found["requests"], found["cost"]) == ("mimo-v2-flash", "1", "0.000106")
    assert json.loads(keys("--json", "--since", "2026-11-26", command=("usage",)).stdout) == []
    wrong = keys("--by", "mood", command=("usage",))
    assert wrong.returncode == 1 and "by must be one of day, key, account, model" in wrong.stderr
