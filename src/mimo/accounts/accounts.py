"""Accounts as the server sees them: who a key is, whether a request may run, and what it has used in the end.

Off until the store has its first key; from then on nobody comes in without one, also when all are revoked. All methods
are for the event loop; `Writer` is the thread behind them. Knows no HTTP.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mimo.accounts import FILE
from mimo.accounts.bucket import Limit
from mimo.accounts.key import Key
from mimo.accounts.pool import Pool
from mimo.accounts.problem import StoreProblem
from mimo.accounts.row import Row
from mimo.accounts.share import Share
from mimo.accounts.want import Budget
from mimo.accounts.writer import Writer
from mimo.contract.errors import AuthenticationFailed, PermissionDenied, ServiceUnavailable
from mimo.contract.models import Model

if TYPE_CHECKING:
    from mimo.accounts.store.store import Clock, Store

log = logging.getLogger("mimo.accounts")
LOOK_SECONDS = 1.0
"""How often what was not needed goes back to the store."""
CONFIGURED = "configured"
"""Account and key of a request that comes in by a key of the settings."""


@dataclass(frozen=True, slots=True)
class Meter:
    """What bounds the requests of one key for one model; nothing for a configured key."""

    key: Key | None
    requests: tuple[Share, ...] = ()
    tokens: tuple[Share, ...] = ()
    budget: Share | None = None


class Accounts:
    """Accounts of the store that `url` names, else of a file in `data_dir`. `clock`: microseconds since 1970."""

    def __init__(self, url: str | None, data_dir: Path, clock: Clock | None = None) -> None:
        self.worker = uuid.uuid4().hex
        self.clock = clock or _system_clock
        self.problem: StoreProblem | None = None
        """Why the store could not be read the last time."""
        self.keys: Sequence[Key] = ()
        """All of them, revoked ones too; as they were when the store could be read last."""
        self._url, self._data_dir, self._own_clock = url, data_dir, clock
        self._by_digest: dict[bytes, Key] = {}
        self._by_identity: dict[bytes, Key] = {}
        self._meters: dict[tuple[str, str, int, int], Meter] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._count = 0
        uptime = _uptime if clock is None else lambda: clock() / 10**6
        self.writer = Writer(self._open, self.worker, data_dir / "accounts", self._hear, uptime)
        self.pool = Pool(self.writer, self.clock)

    @property
    def on(self) -> bool:
        """Whether there are keys, or may be some that cannot be read: then everybody needs one."""
        return bool(self.keys) or self.problem is not None

    @property
    def lag(self) -> float | None:
        """Seconds that the oldest settled request has waited for the store, 0 where none does; None without keys."""
        if not self.on:
            return None
        waiting = self.writer.outbox.first(1)
        return max(0.0, (self.clock() - waiting[0].ended) / 1e6) if waiting else 0.0

    def name_of(self, identity: bytes) -> str | None:
        """The name of the key with that identity; None of a configured one."""
        key = self._by_identity.get(identity)
        return None if key is None else key.name

    async def start(self) -> None:
        """Look for keys; from then on what `mimo keys` does takes effect within a second."""
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self.writer.start)
        self._task = asyncio.create_task(self._look())

    async def close(self) -> None:
        """Write what is left and give back what is held."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self.pool.give_back()
            await asyncio.to_thread(self.writer.close)

    def identify(self, digest: bytes) -> bytes | None:
        """The identity of the key whose secret has this SHA-256, None where there is none. Raises
        `AuthenticationFailed` for one that has expired, `ServiceUnavailable` where keys cannot be read."""
        key = self._by_digest.get(digest)
        if key is None or not key.takes(digest, self.clock()):
            if self.problem is not None and not self.keys:
                words = "keys cannot be checked: their store is out of reach"
                raise ServiceUnavailable(words, headers={"retry-after": "5"})
            return None
        self.check_expiry(key)
        return key.identity

    def check_expiry(self, key: Key) -> None:
        """Raise `AuthenticationFailed` for a key that has expired."""
        if key.expires is not None and key.expires <= self.clock():
            raise AuthenticationFailed("the key has expired", headers={"www-authenticate": "Bearer"})

    def key_of(self, identity: bytes | None) -> Key | None:
        """The key of that identity, which is not revoked."""
        return self._by_identity.get(identity) if identity is not None else None

    def meter(self, key: Key | None, model: Model) -> Meter:
        """What bounds requests of `key` for `model`. Raises `PermissionDenied` where it may not use it."""
        if key is None:
            return Meter(None)
        name = model.counts_as
        if key.models and name not in key.models and model.id not in key.models:
            allowed = ", ".join(key.models)
            raise PermissionDenied(f"the key {key.name!r} may use {allowed}, got {model.id!r}", param="model")
        found = (key.id, name, model.requests_per_minute, model.tokens_per_minute)
        if (meter := self._meters.get(found)) is None or meter.key is not key:
            meter = self._meters[found] = self._new_meter(key, model)
        return meter

    def add(self, row: Row) -> None:
        """Keep a row of the ledger: it is written soon, and is not lost when this process dies."""
        self.writer.outbox.add(row)

    def next_id(self) -> str:
        """For a row: never the same twice."""
        self._count += 1
        return f"{self.worker}-{self._count:012d}"  # in order: the store's index grows at its end

    def store(self) -> Store:
        """The store, for questions that are asked in a thread. Raises `StoreProblem`."""
        from mimo.accounts.store.store import Store, store_url

        return Store(store_url(self._url, self._data_dir), self._own_clock)

    def _new_meter(self, key: Key, model: Model) -> Meter:
        name = model.counts_as
        limits: dict[str, list[Share]] = {"requests": [], "tokens": []}
        bounds = (
            ("account", key.account, model.requests_per_minute, model.tokens_per_minute),
            ("key", key.id, key.requests_per_minute, key.tokens_per_minute),
        )
        for kind, whose, requests, tokens in bounds:
            for of, bound in (("requests", requests), ("tokens", tokens)):
                if bound is not None:
                    limits[of].append(self.pool.share(Limit(f"{kind}\n{whose}\n{name}\n{of}", bound)))
        budget = None if key.budget is None else self.pool.share(Budget(key.id, key.budget, key.reset))
        return Meter(key, tuple(limits["requests"]), tuple(limits["tokens"]), budget)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.pool.give_back()

    def _open(self) -> Store | None:
        """The store, opened; None while there is none. In the writer's thread."""
        if self._url is None and not (self._data_dir / FILE).exists():
            return None
        store = self.store()
        if not store.open():
            return None
        self.writer.outbox.open()
        return store

    def _hear(self, found: Sequence[Key] | StoreProblem) -> None:
        """News of the keys, from the writer's thread."""
        assert self._loop is not None
        with suppress(RuntimeError):  # the event loop has ended
            if self._task is None:
                self._set(found)  # nobody is served yet
            else:
                self._loop.call_soon_threadsafe(self._set, found)

    def _set(self, found: Sequence[Key] | StoreProblem) -> None:
        if isinstance(found, StoreProblem):
            self.problem = found
            return
        if found and not self.keys:
            log.info("accounts are on: %d keys", len(found))
        self.problem, self.keys = None, found
        alive = [key for key in found if key.revoked is None]
        self._by_digest = {key.old_digest: key for key in alive if key.old_digest is not None}
        self._by_digest |= {key.digest: key for key in alive}
        self._by_identity = {key.identity: key for key in alive}
        self._meters.clear()


def _system_clock() -> int:
    return time.time_ns() // 1000


def _uptime() -> float:
    """Seconds, of which a machine that sleeps, or whose clock is set, loses and repeats none."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
