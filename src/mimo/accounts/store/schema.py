"""The tables, and how a store of an older version is brought to this one.

A step is written once and never changed: a store of version N has gone through the first N of them. What a later step
changes in a table is changed in the tables below too, so that a new store is made as the steps would leave it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    inspect,
    select,
    text,
    update,
)  # fmt: skip

from mimo.accounts.problem import StoreProblem

TABLES = MetaData()

STATE = Table(
    "mimo_state",
    TABLES,
    Column("version", Integer, nullable=False),
    Column("changes", BigInteger, nullable=False),  # counts changes of keys: servers read them again
)
KEYS = Table(
    "mimo_key",
    TABLES,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("shown", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("models", Text, nullable=False),  # ids with line breaks between them
    Column("requests_per_minute", BigInteger),
    Column("tokens_per_minute", BigInteger),
    Column("budget", BigInteger),
    Column("reset", String(16)),
    Column("expires", BigInteger),
    Column("admin", Boolean, nullable=False),
    Column("revoked", BigInteger),
    Column("old_digest", LargeBinary(32)),  # the secret before this one, which lets in until `old_until`
    Column("old_until", BigInteger),
)
Index(
    "mimo_key_name", KEYS.c.name, unique=True,
    sqlite_where=KEYS.c.revoked.is_(None), postgresql_where=KEYS.c.revoked.is_(None),
)  # fmt: skip
BUCKETS = Table(
    "mimo_bucket",
    TABLES,
    Column("name", Text, primary_key=True),
    Column("units", BigInteger, nullable=False),
    Column("stamp", BigInteger, nullable=False),
)
BUDGETS = Table(
    "mimo_budget",
    TABLES,
    Column("key_id", String(32), primary_key=True),
    Column("period", BigInteger, nullable=False),  # when it began
    Column("spent", BigInteger, nullable=False),
)
WORKERS = Table(
    "mimo_worker",
    TABLES,
    Column("id", String(32), primary_key=True),
    Column("expires", BigInteger, nullable=False),
)
HOLDS = Table(
    "mimo_hold",
    TABLES,
    Column("worker", String(32), primary_key=True),
    Column("key_id", String(32), primary_key=True),
    Column("amount", BigInteger, nullable=False),
)
LEDGER = Table(
    "mimo_ledger",
    TABLES,
    Column("id", String(64), primary_key=True),
    Column("request_id", Text, nullable=False),
    Column("ended", BigInteger, nullable=False, index=True),
    Column("account", Text, nullable=False),
    Column("key_id", String(32), nullable=False, index=True),
    Column("key", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("protocol", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("price", Text, nullable=False),
    Column("cost", BigInteger, nullable=False),
    Column("first_token", Float),
    Column("seconds", Float, nullable=False),
    Column("finish", Text, nullable=False),
    Column("exact", Boolean, nullable=False),
)

Step = Callable[[Connection], None]


def _add_old_secrets(connection: Connection) -> None:
    there = {column["name"] for column in inspect(connection).get_columns(KEYS.name)}
    for column in (KEYS.c.old_digest, KEYS.c.old_until):
        if column.name not in there:  # a new store has them from the first step
            kind = column.type.compile(connection.dialect)
            connection.execute(text(f"alter table {KEYS.name} add column {column.name} {kind}"))


STEPS: Sequence[Step] = (TABLES.create_all, _add_old_secrets)
"""From nothing to version 1, and so on."""
_LOCK = 0x6D696D6F
"""Number of the advisory lock that PostgreSQL's servers take turns by."""


def version_of(connection: Connection) -> int:
    """The version of the store, 0 where there is none."""
    if not inspect(connection).has_table(STATE.name):
        return 0
    return int(connection.execute(select(STATE.c.version)).scalar_one())


def check_version(version: int, where: str, steps: Sequence[Step] = STEPS) -> None:
    """Raise `StoreProblem` for a store of a newer version."""
    if version > len(steps):
        raise StoreProblem(
            f"{where} was written by a newer mimo: it has version {version}, and this one knows up to {len(steps)}; "
            "install that mimo, or name another store with --accounts"
        )


def migrate(connection: Connection, where: str, steps: Sequence[Step] = STEPS) -> None:
    """Bring the store to the version of `steps`, in the connection's transaction. Raises `StoreProblem` for a store
    of a newer version."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    version = version_of(connection)
    check_version(version, where, steps)
    for step in steps[version:]:
        step(connection)
    if version == 0:
        connection.execute(STATE.insert().values(version=len(steps), changes=0))
    elif version < len(steps):
        connection.execute(update(STATE).values(version=len(steps)))
