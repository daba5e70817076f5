"""Whether a request may come in: its key against the configured ones, in a time that does not depend on either.

Knows header names and nothing of users, budgets or limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from hmac import compare_digest

from mimo.contract.errors import AuthenticationFailed


class Keys:
    """The configured keys; with none, everybody may come in."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._digests = [sha256(key.encode()).digest() for key in keys]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def check(self, headers: Mapping[bytes, bytes]) -> bytes | None:
        """The digest of the key that lets the request in, None where none is needed. Raises `AuthenticationFailed`."""
        if not self._digests:
            return None
        offered = [sha256(key).digest() for key in _offered(headers)]
        # every pair is compared, always: the time taken says nothing
        matches = [ours for key in offered for ours in self._digests if compare_digest(key, ours)]
        if matches:
            return matches[0]
        wrong = "the key is not valid" if offered else "a key is needed"
        raise AuthenticationFailed(
            f"{wrong}: send it as Authorization: Bearer KEY, api-key or x-api-key",
            headers={"www-authenticate": "Bearer"},
        )


def _offered(headers: Mapping[bytes, bytes]) -> Iterator[bytes]:
    scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer" and key.strip():
        yield key.strip()
    for name in (b"api-key", b"x-api-key"):
        if headers.get(name):
            yield headers[name]
