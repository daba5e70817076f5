"""What a large JSON text holds, found before and after it is decoded without keeping other threads from their turn.

A decoder runs in one call that nothing interrupts: while it makes millions of objects, every other request waits. So
this counts in small pieces. Knows no field names and makes no objects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MOST = 400_000
"""Values (texts, numbers, lists …) and names of fields in one body: more than the largest window has tokens."""
DIGITS = 400
"""Of an integer: one with more is beyond a double, and thousands of such take long to make."""
_PIECE = 2**16
_LONG = re.compile(rb"[0-9]{%d}" % (DIGITS + 1))


@dataclass(slots=True)
class Found:
    """Counts of `values` and names together and of `names` alone; whether a number may be longer than `DIGITS`."""

    values: int = 1
    names: int = 0
    long: bool = False


def look(body: bytes, enough: int = MOST, size: int = _PIECE) -> Found:
    """What `body` holds, in pieces of `size` bytes; no further than `enough` values and names.

    Outside of texts every one is the first of all, or follows a comma, a colon or an opening bracket; so an empty list
    counts for two.
    """
    found, before = Found(), b""
    for text in _outside(body, size):
        names = text.count(b":")
        found.names += names
        found.values += names + sum(text.count(mark) for mark in (b",", b"[", b"{"))
        found.long = found.long or _LONG.search(before + text) is not None
        if found.values > enough:
            break
        before = (before + text)[-DIGITS:]
    return found


def _outside(body: bytes, size: int) -> Iterator[bytes]:
    """What of `body` stands outside of texts, piece by piece, with a space in place of each text."""
    at, inside = 0, 0
    while at < len(body):
        piece = body[at : at + size]
        if (len(piece) - len(piece.rstrip(b"\\"))) % 2:  # do not cut an escape in two
            piece = body[at : at + size + 1]
        at += len(piece)
        parts = piece.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        yield b" ".join(parts[inside::2])
        inside ^= len(parts) % 2 ^ 1


def names_in(value: object) -> int:
    """Names in all objects of a decoded value: fewer than in its text, where a name stands twice in one object."""
    found, level = 0, [value]
    while level:
        inner: list[object] = []
        for one in level:
            if isinstance(one, dict):
                found += len(one)
                inner += one.values()
            elif isinstance(one, list):
                inner += one
        level = inner
    return found
