"""Compiled grammars that are kept for the next request: bounded in bytes, the least recently used one goes first.

Keyed by a digest, so that no text of a client stays. A compiled grammar grows while it is used (the library remembers
every state of its lexer that was reached), and the library does not tell by how much: it is estimated from the time
that was spent on it. Knows no library and no request.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from hashlib import blake2b
from typing import Generic, TypeVar

Matcher = TypeVar("Matcher")

_BYTES_PER_CHARACTER = 64
_BYTES_PER_SECOND = 64 * 2**20
"""Measured: 40 to 60 MB for each second of compiling or of computing masks; a free string 2 MB in its first 20 ms."""


def digest(text: str) -> bytes:
    """16 bytes that stand for `text`."""
    return blake2b(text.encode(), digest_size=16).digest()


@dataclass(slots=True)
class Compiled(Generic[Matcher]):
    """A `matcher` at the beginning of a grammar of `characters`, and the processor `seconds` spent on it so far."""

    matcher: Matcher
    characters: int
    seconds: float

    @property
    def size(self) -> int:
        """Estimated bytes."""
        return self.characters * _BYTES_PER_CHARACTER + int(self.seconds * _BYTES_PER_SECOND)


class CompiledCache(Generic[Matcher]):
    """At most `limit` bytes by estimate; one that is larger by itself is not kept. Safe to call from any thread."""

    def __init__(self, limit: int = 64 * 2**20) -> None:
        self._limit = limit
        self._kept: dict[bytes, Compiled[Matcher]] = {}
        self._lock = threading.Lock()

    def get(self, key: bytes) -> Compiled[Matcher] | None:
        """The grammar under `key`, if it is still here."""
        with self._lock:
            if (found := self._kept.pop(key, None)) is not None:
                self._kept[key] = found
            return found

    def put(self, key: bytes, compiled: Compiled[Matcher]) -> None:
        """Keep `compiled`, and drop the oldest ones as long as there is too much."""
        with self._lock:
            self._kept[key] = compiled
            size = self.size
            while size > self._limit and self._kept:
                size -= self._kept.pop(next(iter(self._kept))).size

    @property
    def size(self) -> int:
        """Estimated bytes of all that is kept."""
        return sum(compiled.size for compiled in self._kept.values())

    def __len__(self) -> int:
        return len(self._kept)
