"""Whether a request may come in: its key against the configured ones, in a time that does not depend on either.

Knows header names and nothing of users, budgets or limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from hmac import compare_digest
from typing import Protocol

from mimo.contract.errors import AuthenticationFailed


class Keyring(Protocol):
    """Keys that are kept elsewhere and may change at any time."""

    @property
    def on(self) -> bool:
        """Whether there are any."""

    def identify(self, digest: bytes) -> bytes | None:
        """What the key with this SHA-256 is known by, None where there is none."""


class Keys:
    """The configured keys, and those of a keyring; with none, everybody may come in. `names`: headers that may hold a
    key, besides `Authorization: Bearer`."""

    def __init__(self, keys: Iterable[str] = (), keyring: Keyring | None = None, names: Sequence[str] = ()) -> None:
        self._names = [name.encode() for name in names]
        *others, last = ("Authorization: Bearer KEY", *names)
        self._where = " or ".join([", ".join(others), last] if others else [last])
        self._digests = [sha256(key.encode()).digest() for key in keys]
        self._keyring = keyring

    def __bool__(self) -> bool:
        return bool(self._digests) or self._asks_keyring

    @property
    def _asks_keyring(self) -> bool:
        return self._keyring is not None and self._keyring.on

    def is_configured(self, identity: bytes | None) -> bool:
        """Whether `check` gave `identity` for an operator's own key, or None for anybody on an open server."""
        return identity is None or identity in self._digests

    def check(self, headers: Mapping[bytes, bytes]) -> bytes | None:
        """The digest of the key that lets the request in, or what its keyring knows it by; None where none is needed.
        Raises `AuthenticationFailed`."""
        if not self:
            return None
        offered = [sha256(key).digest() for key in self._offered(headers)]
        # every pair is compared, always: the time taken says nothing
        matches = [ours for key in offered for ours in self._digests if compare_digest(key, ours)]
        if matches:
            return matches[0]
        if self._keyring is not None and self._keyring.on:
            # a digest of 256 random bits cannot be approached by the time that a look-up takes
            for key in offered:
                if (identity := self._keyring.identify(key)) is not None:
                    return identity
        wrong = "the key is not valid" if offered else "a key is needed"
        raise AuthenticationFailed(f"{wrong}: send it as {self._where}", headers={"www-authenticate": "Bearer"})

    def _offered(self, headers: Mapping[bytes, bytes]) -> Iterator[bytes]:
        scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() == b"bearer" and key.strip():
            yield key.strip()
        for name in self._names:
            if headers.get(name):
                yield headers[name]
