"""A store: an SQLite file or a PostgreSQL database, its transactions and its clock.

Every failure of the database leaves here as `StoreProblem`, one line. All calls block for as long as it takes. Knows
no key and no limit.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from mimo.accounts import FILE
from mimo.accounts.problem import StoreProblem
from mimo.accounts.store.schema import STEPS, migrate, version_of

_WAIT_SECONDS = 5
"""For a lock of another process, and for a connection."""
_NOW = text("select (extract(epoch from clock_timestamp()) * 1000000)::bigint")
Clock = Callable[[], int]
"""Microseconds since 1970."""


class Store:
    """Where accounts are kept. `url`: a database URL. `clock`: in place of the database's own."""

    def __init__(self, url: URL, clock: Clock | None = None) -> None:
        self.url = url
        self.where = str(url.database) if _is_file(url) else url.render_as_string(hide_password=True)
        """For messages: without a password."""
        self._clock = clock or (_system_clock if _is_file(url) else None)
        self._engine: Engine | None = None
        self._file: int | None = None  # its number, where it is a file

    @property
    def exists(self) -> bool:
        """Whether it can be there: the first key makes an SQLite file."""
        return not _is_file(self.url) or Path(str(self.url.database)).exists()

    def open(self, create: bool = False) -> bool:
        """Bring the tables to this version; whether there are any. `create`: make them. Raises `StoreProblem`."""
        if not (create or self.exists):
            return False
        if create and _is_file(self.url):
            _make_file(Path(str(self.url.database)))
        with self.begin(writes=False) as connection:
            version = version_of(connection)
        if not (version or create):
            return False
        if version != len(STEPS):
            with self.begin() as connection:
                migrate(connection, self.where)
        return True

    @contextmanager
    def begin(self, writes: bool = True) -> Iterator[Connection]:
        """A transaction, rolled back where the block fails. Raises `StoreProblem`."""
        try:
            self._check_file()
            if self._engine is None:
                self._engine = _engine(self.url)
            with self._engine.connect() as connection:
                connection.info["writes"] = writes
                with connection.begin():
                    yield connection
        except (SQLAlchemyError, sqlite3.Error, OSError) as problem:
            raise StoreProblem(f"accounts in {self.where}: {_words(problem)}") from problem

    def _check_file(self) -> None:
        """SQLite would go on with a file that was removed or replaced, and what is written there nobody would see."""
        if not _is_file(self.url):
            return
        file = _number(str(self.url.database))
        if self._engine is None:
            self._file = file
        elif file != self._file:
            self.close()
            raise OSError(None, "the file was removed or replaced")

    def now(self, connection: Connection) -> int:
        """Microseconds since 1970 by the clock that all users of the store share."""
        if self._clock is not None:
            return self._clock()
        return int(connection.execute(_NOW).scalar_one())

    def close(self) -> None:
        """Close all connections."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None


def store_url(given: str | None, data_dir: Path) -> URL:
    """What `--accounts` means: a URL of PostgreSQL, or nothing: a file in `data_dir`. Raises `StoreProblem`."""
    if given is None:
        return URL.create("sqlite", database=str(data_dir / FILE))
    try:
        url = make_url(given)
    except ArgumentError:
        raise StoreProblem("accounts must be a URL such as postgresql://user@host/database") from None
    kind = url.drivername.partition("+")[0]
    if kind == "sqlite" and url.database:
        return url
    if kind not in ("postgresql", "postgres"):
        raise StoreProblem(f"accounts must be a URL that begins with postgresql:// or sqlite:///, got {kind}://")
    if find_spec("psycopg") is None:
        raise StoreProblem("accounts in PostgreSQL need another package: pip install 'mimo[postgres]'")
    return url.set(drivername="postgresql+psycopg")


def _is_file(url: URL) -> bool:
    return url.drivername.startswith("sqlite")


def _number(path: str) -> int | None:
    """What the system calls the file at `path`; None where there is none."""
    try:
        return os.stat(path).st_ino
    except OSError:
        return None


def _system_clock() -> int:
    return time.time_ns() // 1000


def _make_file(path: Path) -> None:
    """The file, readable by its owner alone."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
    except OSError as problem:
        raise StoreProblem(f"accounts in {path}: {_words(problem)}") from problem


def _engine(url: URL) -> Engine:
    if not _is_file(url):
        arguments = {"connect_timeout": _WAIT_SECONDS, "application_name": "mimo"}
        return create_engine(url, connect_args=arguments, pool_pre_ping=True, pool_size=2, max_overflow=8)
    path = Path(str(url.database))
    if not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists():
        # SQLite wants to make files next to one in WAL mode, unless nobody can write it
        url = url.set(database=f"file:{quote(str(path))}").update_query_dict({"immutable": "1", "uri": "true"})
    engine = create_engine(url, connect_args={"timeout": _WAIT_SECONDS})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, _: object) -> None:
    """Transactions are ours to begin. A write is safe from a process that dies, and the last ones may be lost when the
    machine loses power."""
    connection.isolation_level = None
    with suppress(sqlite3.OperationalError):  # in a directory that may only be read
        connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = normal")


def _begin_sqlite(connection: Connection) -> None:
    """Writers take turns from their first statement on, so that none fails half-way."""
    connection.exec_driver_sql("begin immediate" if connection.info.get("writes", True) else "begin")


def _words(problem: Exception) -> str:
    """What went wrong, in one line, without the statement."""
    cause = getattr(problem, "orig", None) or problem
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__
