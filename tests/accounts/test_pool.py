"""What requests take from a process's share and from the store: together they are never more than there is."""

from __future__ import annotations

import asyncio
import random

import pytest

from mimo.accounts.accounts import Accounts
from mimo.accounts.bucket import UNIT
from mimo.accounts.manage import Wanted, add
from mimo.accounts.store.limits import balance, level
from mimo.accounts.want import LEASE, Budget
from mimo.contract.errors import ApiError, InsufficientBalance, RateLimitExceeded, ServiceUnavailable
from mimo.contract.models import MODELS

FLASH = MODELS["mimo-v2-flash"]
START = 1_795_600_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


@pytest.fixture
async def started(tmp_path):
    """(accounts of one process, a second process's, their clock, a key)."""
    clock = Clock()
    both = [Accounts(None, tmp_path, clock) for _ in range(2)]
    key = add(both[0].store(), Wanted("bob", tokens_per_minute=6000, budget=0.001), list(MODELS))[0]
    for one in both:
        await one.start()
    yield (*both, clock, key)
    for one in both:
        await one.close()


def there(accounts, key) -> tuple[int, int]:
    """(tokens in the bucket, pico-dollars free) in the store."""
    share, store = accounts.meter(key, FLASH).tokens[1], accounts.store()
    with store.begin(writes=False) as connection:
        found = balance(connection, Budget(key.id, key.budget, key.reset), START)
        units = level(connection, share.of, START).units
    store.close()
    return units // UNIT, key.budget - found.spent - found.held


async def until(true) -> None:
    for _ in range(400):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to that")


async def test_two_processes_never_give_more_than_there_is(started):
    """Random takes and returns; what runs and what is left anywhere is at most the bucket. Seed 7."""
    one, other, _, key = started
    random.seed(7)
    running = [0]

    async def work(accounts) -> None:
        share = accounts.meter(key, FLASH).tokens[1]
        for _ in range(30):
            want = random.randint(1, 900)
            try:
                got = (await accounts.pool.take([(share, want // 3, want)]))[0]
            except RateLimitExceeded:
                await asyncio.sleep(0.01)
                continue
            assert want // 3 <= got <= want
            running[0] += got
            assert running[0] <= 6000
            await asyncio.sleep(random.random() / 200)
            running[0] -= got
            accounts.pool.back(share, got)

    await asyncio.gather(*(work(accounts) for accounts in (one, other) for _ in range(8)))
    await until(lambda: there(one, key)[0] == 6000)


async def test_what_nobody_needed_goes_back_to_the_others(started):
    one, other, _, key = started
    mine, theirs = (accounts.meter(key, FLASH).tokens[1] for accounts in (one, other))
    got = await one.pool.take([(mine, 5000, 5000)])
    one.pool.back(mine, got[0])
    await until(lambda: there(one, key)[0] == 6000)
    assert await other.pool.take([(theirs, 6000, 6000)]) == [6000]


async def test_what_was_taken_for_a_client_that_left_goes_back(started):
    one, _, _, key = started
    meter = one.meter(key, FLASH)
    wants = [(meter.tokens[1], 5000, 5000), (meter.budget, 10**8, 9 * 10**8)]
    for _ in range(5):
        waiting = asyncio.create_task(one.pool.take(wants))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        if not waiting.cancelled():  # what an earlier one left was enough: it did not have to wait
            for (share, _, _), amount in zip(wants, waiting.result(), strict=True):
                one.pool.back(share, amount)
    await until(lambda: there(one, key) == (6000, 10**9))


async def test_who_was_stopped_for_longer_than_its_lease_gives_nothing_out_that_others_have(started):
    one, other, clock, key = started
    mine, theirs = (accounts.meter(key, FLASH).budget for accounts in (one, other))
    await one.pool.take([(mine, 10**6, 10**6)])
    assert mine.left > 10**7  # taken ahead
    clock.now += LEASE + 1
    most = 998 * 10**6
    assert await other.pool.take([(theirs, 1, most)]) == [most]  # all but what runs here, and as much again
    with pytest.raises((InsufficientBalance, RateLimitExceeded)):
        await one.pool.take([(mine, 10**7, 10**7)])
    assert await one.pool.take([(mine, 1, 10**9)]) == [10**6]
    await until(lambda: there(one, key)[1] == 0)


async def test_who_cannot_reach_the_store_for_longer_than_its_lease_gives_no_money_out(started, tmp_path):
    one, _, clock, key = started
    mine = one.meter(key, FLASH).budget
    await one.pool.take([(mine, 10**6, 10**6)])
    (tmp_path / "accounts.db").rename(tmp_path / "away")
    assert await one.pool.take([(mine, 10**6, 10**6)]) == [10**6]
    clock.now += LEASE + 1
    with pytest.raises(ServiceUnavailable):
        await one.pool.take([(mine, 10**6, 10**6)])
    (tmp_path / "away").rename(tmp_path / "accounts.db")
    await until(lambda: one.problem is None)
    assert await one.pool.take([(mine, 10**6, 10**6)]) == [10**6]


async def test_a_refusal_takes_nothing_of_anything(started):
    one, _, _, key = started
    meter = one.meter(key, FLASH)
    with pytest.raises(InsufficientBalance):
        await one.pool.take([(meter.tokens[1], 100, 100), (meter.budget, 2 * 10**9, 2 * 10**9)])
    await until(lambda: there(one, key) == (6000, 10**9))
    assert await one.pool.take([(meter.tokens[1], 6000, 6000)]) == [6000]


async def test_more_than_was_held_is_owed(started):
    one, _, clock, key = started
    share = one.meter(key, FLASH).tokens[1]
    got = await one.pool.take([(share, 10, 5900)])
    one.pool.back(share, got[0] - 6400)  # it used 500 more
    await until(lambda: there(one, key)[0] == -400)
    with pytest.raises(ApiError) as refused:
        await one.pool.take([(share, 100, 100)])
    assert int(refused.value.headers["retry-after-ms"]) == 5000  # a hundred tokens a second
    clock.now += 5_000_000
    assert await one.pool.take([(share, 100, 100)]) == [100]
