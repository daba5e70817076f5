"""Stores for the tests of accounts: an SQLite file, and a PostgreSQL started for the session (`make test-postgres`)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest
from tests.accounts.postgres import Postgres, running_postgres

from mimo.accounts.store.store import Store, store_url

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store_address(request, tmp_path) -> str | None:
    """What `--accounts` is given; None for the file in the data directory."""
    if request.param == "sqlite":
        return None
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database(f"test{next(_numbers)}")


@pytest.fixture
def new_store(store_address, tmp_path) -> Iterator[Callable[..., Store]]:
    """Makes stores at the same place, each as a process of its own would have it."""
    made = []

    def new(clock=None, create=True) -> Store:
        store = Store(store_url(store_address, tmp_path), clock)
        if create:
            store.open(create=True)
        made.append(store)
        return store

    yield new
    for store in made:
        store.close()


@pytest.fixture
def store(new_store) -> Store:
    return new_store()
