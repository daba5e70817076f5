"""How many values and names a JSON text holds, so that one with millions is refused before it is decoded.

A decoder runs in one call that nothing interrupts: while it makes millions of objects, every other request waits. So
this counts in small pieces. Knows no field names and makes no objects.
"""

from __future__ import annotations

MOST = 400_000
"""Values (texts, numbers, lists …) and names of fields in one body: more than the largest window has tokens."""
_PIECE = 2**16


def too_many(body: bytes) -> bool:
    """Whether `body` holds more than `MOST`. Nearly always its length says no, or the first look, which also counts
    inside texts."""
    return len(body) >= MOST and _marks(body) >= MOST and count(body, MOST) > MOST


def count(body: bytes, enough: int, size: int = _PIECE) -> int:
    """Values and names of `body`, in pieces of `size` bytes; no further than `enough`.

    Outside of texts every one is the first of all, or follows a comma, a colon or an opening bracket; so an empty list
    counts for two.
    """
    found, at, inside = 1, 0, 0
    while at < len(body) and found <= enough:
        piece = body[at : at + size]
        if (len(piece) - len(piece.rstrip(b"\\"))) % 2:  # do not cut an escape in two
            piece = body[at : at + size + 1]
        at += len(piece)
        parts = piece.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        found += _marks(b" ".join(parts[inside::2]))
        inside ^= len(parts) % 2 ^ 1
    return found


def _marks(text: bytes) -> int:
    return sum(text.count(mark) for mark in (b",", b":", b"[", b"{"))
