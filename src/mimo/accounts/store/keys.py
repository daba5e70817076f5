"""The keys in a store: added, found, revoked, given a new secret. Every change is counted, so that servers see it.

Functions take a connection in a transaction of its own.
"""

from __future__ import annotations

from dataclasses import asdict, fields, replace

from sqlalchemy import Connection, Row, select, update

from mimo.accounts.key import Key
from mimo.accounts.problem import KeyProblem
from mimo.accounts.store.schema import KEYS, STATE, check_version

_COLUMNS = [row.name for row in fields(Key)]


def changes(connection: Connection, where: str) -> int:
    """How often keys have changed. Raises `StoreProblem` where a newer mimo has changed the store meanwhile."""
    row = connection.execute(select(STATE.c.changes, STATE.c.version)).one()
    check_version(row.version, where)
    return int(row.changes)


def all_keys(connection: Connection) -> list[Key]:
    """The oldest first; revoked ones too."""
    return [_key(row) for row in connection.execute(select(KEYS).order_by(KEYS.c.created, KEYS.c.name))]


def find_key(connection: Connection, name: str) -> Key:
    """The key of that name which is not revoked. Raises `KeyProblem`."""
    query = select(KEYS).where(KEYS.c.name == name, KEYS.c.revoked.is_(None))
    # no database is asked for what no name may be: not all of them take every character
    if not name.isprintable() or (row := connection.execute(query).first()) is None:
        raise KeyProblem(f"there is no key {name!r}; mimo keys list shows those there are")
    return _key(row)


def add_key(connection: Connection, key: Key) -> None:
    """Add `key`. Raises `KeyProblem` where another has its name."""
    query = select(KEYS.c.id).where(KEYS.c.name == key.name, KEYS.c.revoked.is_(None))
    if connection.execute(query).first() is not None:
        raise KeyProblem(f"there is a key {key.name!r} already; choose another name, or mimo keys revoke it first")
    connection.execute(KEYS.insert().values({**asdict(key), "models": "\n".join(key.models)}))
    _changed(connection)


def revoke_key(connection: Connection, name: str, now: int) -> Key:
    """Let nobody in by that key any more; its rows in the ledger stay. Raises `KeyProblem`."""
    key = find_key(connection, name)
    connection.execute(update(KEYS).where(KEYS.c.id == key.id).values(revoked=now))
    _changed(connection)
    return replace(key, revoked=now)


def change_secret(connection: Connection, name: str, digest: bytes, shown: str, old_until: int | None = None) -> Key:
    """Let the key in by another secret, and by the old one until `old_until` or no longer. Raises `KeyProblem`."""
    key = find_key(connection, name)
    old = None if old_until is None else key.digest
    key = replace(key, digest=digest, shown=shown, old_digest=old, old_until=old_until)
    values = {name: getattr(key, name) for name in ("digest", "shown", "old_digest", "old_until")}
    connection.execute(update(KEYS).where(KEYS.c.id == key.id).values(values))
    _changed(connection)
    return key


def _changed(connection: Connection) -> None:
    connection.execute(update(STATE).values(changes=STATE.c.changes + 1))


def _key(row: Row[tuple[object, ...]]) -> Key:
    found = {name: getattr(row, name) for name in _COLUMNS}
    found["models"] = tuple(filter(None, found["models"].split("\n")))
    for name in ("digest", "old_digest"):
        found[name] = None if found[name] is None else bytes(found[name])
    return Key(**found)
