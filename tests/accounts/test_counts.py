"""What an upstream says of its tokens, however absurd, fits into the ledger, and stops no other row."""

from __future__ import annotations

import asyncio

from sqlalchemy import select

from mimo.accounts.accounts import Accounts
from mimo.accounts.charge import About, enter
from mimo.accounts.manage import Wanted, add
from mimo.accounts.store.schema import LEDGER
from mimo.contract.models import MODELS
from mimo.types import Usage

FLASH = MODELS["mimo-v2-flash"]
LARGEST = 2**53 - 1
"""The largest count that is read from an upstream."""


async def test_counts_that_no_ledger_holds_are_cut_and_later_rows_are_written(tmp_path):
    accounts = Accounts(None, tmp_path)
    key = add(accounts.store(), Wanted("bob", budget=5.0), list(MODELS))[0]
    await accounts.start()
    for count in (LARGEST, 5):
        charge = await enter(accounts, key.identity, FLASH)
        await charge.reserve(10, 1, 10)
        charge.first_token()
        charge.settle(Usage(count, count, count, 0), True, ("stop",), None, About("r", "openai_chat", "e/m"))
    store = accounts.store()
    for _ in range(200):
        with store.begin(writes=False) as connection:
            found = [row.completion_tokens for row in connection.execute(select(LEDGER).order_by(LEDGER.c.id))]
        if len(found) == 2:
            break
        await asyncio.sleep(0.02)
    assert found == [10**7, 5] and accounts.problem is None
    store.close()
    await accounts.close()
