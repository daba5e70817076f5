"""GET /v1/key: what the caller's own key may do and has done. GET /v1/usage: everybody's usage, for admins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import msgspec

from mimo.accounts.accounts import CONFIGURED, Accounts
from mimo.accounts.problem import KeyProblem, StoreProblem
from mimo.api.backend import Backend
from mimo.api.exchange import Exchange
from mimo.contract.errors import InvalidRequest, NotFound, PermissionDenied, ServiceUnavailable

Found = TypeVar("Found")


async def own_key(backend: Backend, exchange: Exchange, _: str) -> None:
    """The limits of the caller's key, what is left of them, and what it has used."""
    accounts = backend.accounts
    key = accounts.key_of(exchange.key) if accounts is not None else None
    if accounts is None or key is None:
        name = CONFIGURED if exchange.key is not None else None
        limits: dict[str, object] = {
            "models": None,
            "budget": None,
            "rate_limits": [],
            "usage": None,
            "admin": exchange.of_operator,
        }
        return await _reply(exchange, {"object": "key", "name": name, "account": name, **limits})
    from mimo.accounts.standing import standing

    allowed = [model for model in backend.models.values() if not model.alias_of]
    meters = [accounts.meter(key, model) for model in allowed if not key.models or model.id in key.models]
    found = await _ask(lambda: standing(accounts.store(), key, meters))
    await _reply(exchange, {"object": "key", **found})


async def usage(backend: Backend, exchange: Exchange, _: str) -> None:
    """Sums over the ledger. Raises `PermissionDenied`, `NotFound` where there are no accounts, `InvalidRequest`."""
    accounts = backend.accounts
    if accounts is None or not accounts.on:
        raise NotFound("there are no accounts here: mimo keys add makes the first key")
    if not (exchange.of_operator or _is_admin(accounts, exchange.key)):
        raise PermissionDenied("usage of everybody is for admins: GET /v1/key shows that of your own key")
    from mimo.accounts.ask import describe_sum, used

    by = exchange.query.get("by", "day")
    since, until = exchange.query.get("since"), exchange.query.get("until")
    rows = await _ask(lambda: used(accounts.store(), by, since, until, exchange.query.get("key")))
    await _reply(exchange, {"object": "list", "by": by, "data": [describe_sum(by, row) for row in rows]})


def _is_admin(accounts: Accounts, identity: bytes | None) -> bool:
    key = accounts.key_of(identity)
    return key is not None and key.admin


async def _ask(question: Callable[[], Found]) -> Found:
    """The answer of the store, asked in a thread."""
    try:
        return await asyncio.to_thread(question)
    except KeyProblem as problem:
        raise InvalidRequest(str(problem)) from None
    except StoreProblem:
        raise ServiceUnavailable("the store of accounts is out of reach", headers={"retry-after": "5"}) from None


async def _reply(exchange: Exchange, value: object) -> None:
    await exchange.reply(200, msgspec.json.encode(value))
