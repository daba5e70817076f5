"""What may go wrong, on real servers: nothing is lost twice, nothing is charged twice, and what can be answered is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select, text
from tests.accounts.load import MODEL, Seen, many, steady

from mimo.accounts.manage import Wanted, add
from mimo.accounts.store.limits import balance
from mimo.accounts.store.schema import LEDGER, STEPS
from mimo.accounts.store.store import Store, store_url
from mimo.accounts.want import Budget
from mimo.testing import Script, ScriptedAnswer, served

SCRIPT = Script(
    [ScriptedAnswer([{"repeat": 3000, "steps": ["word "]}], when="long"), ScriptedAnswer(["a", "b", "c", "d"])],
    delay=0.002, queue=10_000,
)  # fmt: skip
LIMITS = "requests_per_minute = 1_000_000\ntokens_per_minute = 1_000_000_000\n"


@contextlib.contextmanager
def server(
    folder: Path, address: str | None, *arguments: str, models: str = LIMITS
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server of its own with its data in `folder`, on the store at `address`."""
    file = folder / "mimo.toml"
    file.write_text(f'[[models]]\nid = "{MODEL}"\n{LIMITS}')
    where = ("--config", str(file), "--data-dir", str(folder), *(("--accounts", address) if address else ()))
    with served(*where, *arguments, script=SCRIPT) as running:
        if "--workers" in arguments:
            wait(lambda: httpx.get(f"{running.url}/readyz").is_success)  # all of them
        yield running.url, running.process


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def rows(store: Store) -> list:
    with store.begin(writes=False) as connection:
        return list(connection.execute(select(LEDGER)))


def wait(true, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


def held(store: Store, key) -> tuple[int, int]:
    with store.begin(writes=False) as connection:
        found = balance(connection, Budget(key.id, key.budget, key.reset), store.now(connection))
        return found.spent, found.held


def check_sums(store: Store, seen: list[Seen]) -> None:
    """The ledger is what the clients saw: to the token where they stayed, and at least that where they left."""
    whole = [one for one in seen if one.status == 200 and not one.left and not one.error]
    left = [one for one in seen if one.status == 200 and one.left]
    found = rows(store)
    assert len({row.id for row in found}) == len(found)
    stayed = [row for row in found if row.finish != "client_left"]
    gone = [row for row in found if row.finish == "client_left"]
    expected = (sum(one.prompt for one in whole), sum(one.completion for one in whole))
    if not left:
        assert len(stayed) == len(whole)
        assert (sum(row.prompt_tokens for row in stayed), sum(row.completion_tokens for row in stayed)) == expected
        return
    assert len(found) == len(whole) + len(left)
    assert sum(row.prompt_tokens for row in found) == expected[0] + sum(one.prompt for one in left)
    written = sum(row.completion_tokens for row in gone) + sum(row.completion_tokens for row in stayed) - expected[1]
    assert written >= sum(one.completion for one in left)


@pytest.mark.parametrize("count", [600, pytest.param(10_000, marks=pytest.mark.slow)])
def test_the_ledger_is_the_sum_of_what_clients_saw_a_third_of_them_leaving(new_store, store_address, tmp_path, count):
    """The answers of those who leave are long, so that they do leave them; they pay for what was written by then."""
    store = new_store()
    secrets = [add(store, Wanted(name, budget=budget), [MODEL])[1] for name, budget in (("a", None), ("b", 1000.0))]
    with server(tmp_path, store_address, "--workers", "2") as (url, _):

        async def load() -> list[Seen]:
            whole = many([url], count - count // 3, 24, lambda at: secrets[at % 2])
            left = many(
                [url], count // 3, 12, lambda at: secrets[at % 2], lambda _: True, max_completion_tokens=3000,
                messages=[{"role": "user", "content": "long"}],
            )  # fmt: skip
            return [one for some in await asyncio.gather(whole, left) for one in some]

        seen = asyncio.run(load())
        assert {(one.status, one.error) for one in seen} == {(200, "")}
        wait(lambda: len(rows(store)) >= count)
    assert sum(row.finish == "client_left" for row in rows(store)) == count // 3
    check_sums(store, seen)


def test_a_worker_that_is_killed_loses_no_row_and_its_holds_are_freed(new_store, store_address, tmp_path):
    store = new_store()
    key, secret = add(store, Wanted("bob", budget=100.0), [MODEL])
    with server(tmp_path, store_address, "--workers", "2") as (url, process):

        async def load() -> list[Seen]:
            stop = asyncio.Event()
            quick = asyncio.create_task(steady(url, secret, stop, 6))
            messages = [{"role": "user", "content": "long"}]
            streams = [
                asyncio.create_task(many([url], 1, 1, lambda _: secret, max_completion_tokens=3000, messages=messages))
                for _ in range(4)
            ]
            for _ in range(3):
                await asyncio.sleep(1.5)
                os.kill(workers_of(process)[0], signal.SIGKILL)
            await asyncio.sleep(1.0)
            stop.set()
            for stream in streams:
                stream.cancel()
            await asyncio.gather(*streams, return_exceptions=True)
            return await quick

        seen = [one for one in asyncio.run(load())]
        answered = [one for one in seen if one.status == 200 and not one.error]
        cut = [one for one in seen if one.error]
        assert len(answered) > 100 and len(cut) < len(answered)

        def written() -> list:
            return [row for row in rows(store) if row.finish == "stop"]

        wait(lambda: len(written()) >= len(answered))
        time.sleep(1.0)
        found = written()
        assert len({row.id for row in found}) == len(found)
        # a request whose answer was on its way when its worker died may have a row that no client saw
        assert len(answered) <= len(found) <= len(answered) + len(cut)
        wait(lambda: held(store, key)[1] == 0)
    total = sum(row.cost for row in rows(store))
    assert held(store, key) == (total, 0) and total > 0
    assert not list((tmp_path / "accounts").glob("*.rows"))


@pytest.mark.postgres
def test_a_database_that_is_killed_in_the_middle_costs_no_answer_and_no_row(postgres, tmp_path):
    address = postgres.new_database("killed")
    store = Store(store_url(address, tmp_path))
    free, paying = (add(store, Wanted(name, budget=budget), [MODEL])[1] for name, budget in (("a", None), ("b", 50.0)))
    store.close()
    with server(tmp_path, address) as (url, _):

        async def load() -> tuple[list[Seen], list[int]]:
            stop = asyncio.Event()
            running = asyncio.create_task(steady(url, free, stop))
            await asyncio.sleep(1.0)
            statuses = [one.status for one in await many([url], 3, 1, lambda _: paying)]
            for _ in range(2):
                postgres.kill()
                await asyncio.sleep(2.5)  # longer than what was held is kept for
                statuses += [one.status for one in await many([url], 1, 1, lambda _: paying)]
                await asyncio.to_thread(postgres.start)
                await asyncio.sleep(2.5)
                statuses += [one.status for one in await many([url], 1, 1, lambda _: paying)]
            stop.set()
            return await running, statuses

        seen, statuses = asyncio.run(load())
        assert {(one.status, one.error) for one in seen} == {(200, "")} and len(seen) > 100
        assert statuses == [200, 200, 200, 503, 200, 503, 200]
        wait(lambda: len(rows(store)) >= len(seen) + 5)
    found = rows(store)
    assert len(found) == len(seen) + 5
    assert sum(row.completion_tokens for row in found if row.key == "a") == sum(one.completion for one in seen)
    with store.begin(writes=False) as connection:
        spent = connection.execute(text("select spent from mimo_budget")).scalar_one()
    assert spent == sum(row.cost for row in found if row.key == "b")
    store.close()


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of two megabytes; the test is skipped where none can be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here: that wants root")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_costs_no_answer_and_no_row(small_disk):
    store = Store(store_url(None, small_disk))
    secret = add(store, Wanted("bob"), [MODEL])[1]
    with server(small_disk, None) as (url, _):
        first = asyncio.run(many([url], 50, 4, lambda _: secret))
        wait(lambda: len(rows(store)) == 50)
        with contextlib.suppress(OSError), open(small_disk / "full", "wb") as full:
            while True:
                full.write(b"x" * 4096)
                full.flush()
        seen = asyncio.run(many([url], 300, 4, lambda _: secret))
        assert {(one.status, one.error) for one in first + seen} == {(200, "")}
        assert len(rows(store)) < 350
        (small_disk / "full").unlink()
        wait(lambda: len(rows(store)) == 350)
    check_sums(store, first + seen)
    store.close()


def test_a_disk_that_may_only_be_read_still_lets_keys_in(small_disk, tmp_path):
    store = Store(store_url(None, small_disk))
    secret = add(store, Wanted("bob", requests_per_minute=3), [MODEL])[1]
    budget = add(store, Wanted("amy", budget=5.0), [MODEL])[1]
    store.close()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with server(tmp_path, None, "--data-dir", str(small_disk)) as (url, _):
        seen = asyncio.run(many([url], 5, 1, lambda _: secret))
        assert [one.status for one in seen] == [200, 200, 200, 429, 429]
        assert [one.status for one in asyncio.run(many([url], 1, 1, lambda _: budget))] == [503]
        assert [one.status for one in asyncio.run(many([url], 1, 1, lambda _: "nobody"))] == [401]


def test_four_processes_of_two_servers_never_exceed_a_limit(new_store, store_address, tmp_path):
    """A bucket may give what it holds and what flows in meanwhile; tokens beyond that by one request's clamp."""
    store = new_store()
    requests, tokens = 120, 6000
    secrets = [
        add(store, Wanted("few", requests_per_minute=requests), [MODEL])[1],
        add(store, Wanted("short", tokens_per_minute=tokens), [MODEL])[1],
        add(store, Wanted("poor", budget=0.0008), [MODEL])[1],
    ]
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    address = store_address or f"sqlite:///{tmp_path / 'accounts.db'}"
    with contextlib.ExitStack() as stack:
        urls = [stack.enter_context(server(folder, address, "--workers", "2"))[0] for folder in folders]
        begun = time.monotonic()
        ended = begun

        async def load() -> list[list[Seen]]:
            stop = asyncio.Event()
            tasks = [
                asyncio.create_task(steady(url, secret, stop, 6, max_completion_tokens=400))
                for secret in secrets for url in urls
            ]  # fmt: skip
            await asyncio.sleep(8.0)
            stop.set()
            found = await asyncio.gather(*tasks)
            nonlocal ended
            ended = time.monotonic()
            end = time.monotonic() + 60
            while found[-1][-1].status != 402 and time.monotonic() < end:
                found[-1] += await many(urls, 2, 1, lambda _: secrets[-1], max_completion_tokens=400)
            return [found[2 * at] + found[2 * at + 1] for at in range(len(secrets))]

        few, short, poor = asyncio.run(load())
        minutes = (ended - begun) / 60
    assert {one.status for one in few} == {200, 429}
    let_in = sum(one.status == 200 for one in few)
    assert let_in <= requests * (1 + minutes)
    assert let_in > requests * 0.9  # nor are they locked out
    used = sum(one.prompt + one.completion for one in short)
    clamp = 400 + max(one.prompt for one in short)
    assert {one.status for one in short} == {200, 429} and used <= tokens * (1 + minutes) + clamp
    assert used > tokens * 0.7
    spent = sum(row.cost for row in rows(store) if row.key == "poor")
    assert {one.status for one in poor} <= {200, 402, 429} and poor[-1].status == 402
    assert 0 < spent <= 800_000_000


def test_a_file_that_is_removed_or_replaced_under_a_server_is_noticed(new_store, tmp_path):
    store = Store(store_url(None, tmp_path))
    secret = add(store, Wanted("bob"), [MODEL])[1]
    store.close()
    files = [tmp_path / f"accounts.db{end}" for end in ("", "-wal", "-shm")]
    with server(tmp_path, None) as (url, _):
        seen = asyncio.run(many([url], 5, 1, lambda _: secret))
        wait(lambda: len(rows(store)) == 5)
        store.close()
        for file in files:
            file.unlink(missing_ok=True)
        seen = asyncio.run(many([url], 5, 1, lambda _: secret))
        assert {one.status for one in seen} == {200}  # keys go on as they were
        fresh = Store(store_url(None, tmp_path))
        other = add(fresh, Wanted("amy"), [MODEL])[1]
        wait(lambda: [one.status for one in asyncio.run(many([url], 1, 1, lambda _: other))] == [200])
        assert [one.status for one in asyncio.run(many([url], 1, 1, lambda _: secret))] == [401]
        wait(lambda: len(rows(fresh)) >= 6)  # what waited, and the one of amy
    assert {row.key for row in rows(fresh)} == {"bob", "amy"}
    fresh.close()


def test_a_store_that_a_newer_mimo_changes_under_a_server_is_left_alone(new_store, store_address, tmp_path):
    store = new_store()
    secret = add(store, Wanted("bob"), [MODEL])[1]
    with server(tmp_path, store_address) as (url, _):
        asyncio.run(many([url], 5, 1, lambda _: secret))
        wait(lambda: len(rows(store)) == 5)
        with store.begin() as connection:
            connection.execute(text("update mimo_state set version = 99"))
        time.sleep(1.5)
        seen = asyncio.run(many([url], 5, 1, lambda _: secret))
        assert {one.status for one in seen} == {200}
        time.sleep(1.5)
        assert len(rows(store)) == 5
        with store.begin() as connection:
            connection.execute(text("update mimo_state set version = :now"), {"now": len(STEPS)})
        wait(lambda: len(rows(store)) == 10)


def test_a_store_of_a_newer_version_leaves_configured_keys_working(new_store, store_address, tmp_path):
    store = new_store()
    secret = add(store, Wanted("bob"), [MODEL])[1]
    with store.begin() as connection:
        connection.execute(text("update mimo_state set version = 99"))
    with server(tmp_path, store_address, "--api-keys", "sesame") as (url, _):
        assert [one.status for one in asyncio.run(many([url], 1, 1, lambda _: "sesame"))] == [200]
        refused = httpx.get(f"{url}/v1/models", headers={"authorization": f"Bearer {secret}"})
        assert refused.status_code == 503 and "keys cannot be checked" in refused.text
        assert httpx.get(f"{url}/healthz").status_code == 200
        with store.begin() as connection:
            connection.execute(text("update mimo_state set version = 1"))
        wait(lambda: [one.status for one in asyncio.run(many([url], 1, 1, lambda _: secret))] == [200])
