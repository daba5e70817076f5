"""What an operator does with keys: make one, give it another secret, look at it. For commands; blocks.

The first key makes the store. Knows no command line.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from mimo.accounts.key import (
    MOST_DOLLARS,
    RESETS,
    Key,
    Reset,
    check_count,
    check_name,
    digest_of,
    expiry,
    new_secret,
    shown_of,
)  # fmt: skip
from mimo.accounts.prices import DOLLAR
from mimo.accounts.problem import KeyProblem
from mimo.accounts.store import keys
from mimo.accounts.store.ledger import Sum, usage
from mimo.accounts.store.limits import balance
from mimo.accounts.store.store import Store
from mimo.accounts.want import Balance, Budget


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a new key is to be, as an operator says it. `budget` in USD, `expires` as `expiry` reads it."""

    name: str
    account: str | None = None
    models: Sequence[str] = ()
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    budget: float | None = None
    reset: str | None = None
    expires: str | None = None
    admin: bool = False

    def key(self, secret: str, known_models: Collection[str]) -> Key:
        """The key. Raises `KeyProblem` for what it cannot be."""
        now = datetime.now(UTC)
        for model in self.models:
            if model not in known_models:
                raise KeyProblem(f"models must be of {', '.join(known_models)}, got {model!r}")
        if self.budget is not None and not 1 <= self.budget * DOLLAR <= MOST_DOLLARS * DOLLAR:
            raise KeyProblem(f"budget must be more than 0 and at most {MOST_DOLLARS:,} USD, got {self.budget:g}")
        if self.reset is not None and self.reset not in RESETS:
            raise KeyProblem(f"reset must be one of {', '.join(RESETS)}, got {self.reset!r}")
        if self.reset is not None and self.budget is None:
            raise KeyProblem("reset is for a budget: give --budget too, or leave it out")
        return Key(
            id=uuid.uuid4().hex,
            name=check_name("a key's name", self.name),
            account=check_name("an account", self.account or self.name),
            digest=digest_of(secret),
            shown=shown_of(secret),
            created=round(now.timestamp() * 10**6),
            models=tuple(self.models),
            requests_per_minute=check_count("rpm", self.requests_per_minute),
            tokens_per_minute=check_count("tpm", self.tokens_per_minute),
            budget=None if self.budget is None else round(self.budget * DOLLAR),
            reset=cast(Reset | None, self.reset),
            expires=None if self.expires is None else expiry(self.expires, now),
            admin=self.admin,
        )


def add(store: Store, wanted: Wanted, known_models: Collection[str]) -> tuple[Key, str]:
    """A new key and its secret, which nobody can read again. Raises `KeyProblem`, `StoreProblem`."""
    secret = new_secret()
    key = wanted.key(secret, known_models)
    store.open(create=True)
    with store.begin() as connection:
        keys.add_key(connection, key)
    return key, secret


def rotate(store: Store, name: str, overlap: str | None = None) -> tuple[Key, str]:
    """The key with a new secret; the old one is void, or after `overlap` (as `expiry` reads it). Raises `KeyProblem`,
    `StoreProblem`."""
    secret = new_secret()
    until = None if overlap is None else expiry(overlap, datetime.now(UTC), "overlap")
    must_exist(store)
    with store.begin() as connection:
        return keys.change_secret(connection, name, digest_of(secret), shown_of(secret), until), secret


def revoke(store: Store, name: str) -> Key:
    """Let the key in no more. Raises `KeyProblem`, `StoreProblem`."""
    must_exist(store)
    with store.begin() as connection:
        return keys.revoke_key(connection, name, store.now(connection))


def listed(store: Store) -> list[Key]:
    """All keys, the oldest first; none where there is no store. Raises `StoreProblem`."""
    if not store.open():
        return []
    with store.begin(writes=False) as connection:
        return keys.all_keys(connection)


@dataclass(frozen=True, slots=True)
class Shown:
    """A key, what its budget is at, and what it has used by model."""

    key: Key
    balance: Balance | None
    used: Sequence[Sum]


def show(store: Store, name: str) -> Shown:
    """One key. Raises `KeyProblem`, `StoreProblem`."""
    must_exist(store)
    with store.begin(writes=False) as connection:
        key = keys.find_key(connection, name)
        budget = None if key.budget is None else Budget(key.id, key.budget, key.reset)
        spent = None if budget is None else balance(connection, budget, store.now(connection))
        return Shown(key, spent, usage(connection, "model", key_id=key.id))


def must_exist(store: Store) -> None:
    """Raise `KeyProblem` where there is no store, `StoreProblem` where it cannot be read."""
    if not store.open():
        raise KeyProblem(f"there are no accounts in {store.where}; mimo keys add NAME makes the first key")
