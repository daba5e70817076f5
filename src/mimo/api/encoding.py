"""A compressed body as it was before: gzip, deflate and zstd, in any order that `content-encoding` names.

What comes out counts against the body limit as it is made, so a small body can never unfold into a large one. Knows no
JSON and no connection.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Protocol

from mimo.contract.errors import InvalidRequest, RequestTooLarge, UnsupportedMediaType, shown

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MOST = 4
"""Encodings that one body may name: more are no honest request."""


MEMBERS = 100
"""Members or frames of one body: each copies what follows it, so that many take time in the square of their number."""


class _Decompressor(Protocol):
    """What zlib's and zstd's have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...


def decoded(body: bytes, encodings: str, limit: int) -> bytes:
    """`body` with the `encodings` of its header taken off, the last one first; at most `limit` bytes.

    Raises `UnsupportedMediaType` for an encoding that is not known, `RequestTooLarge` for a body that unfolds to more,
    `InvalidRequest` for one that is broken.
    """
    names = [name.strip().lower() for name in encodings.split(",") if name.strip()]
    for name in names:
        if name not in _ENCODINGS:
            raise UnsupportedMediaType(
                f"content-encoding must be one of {', '.join(_ENCODINGS)}, got {shown(name)}",
                headers={"accept-encoding": ", ".join(_ENCODINGS)},
            )
    if len(names) > MOST:
        raise UnsupportedMediaType(f"content-encoding may name at most {MOST} encodings, got {len(names)}")
    for name in reversed(names):
        try:
            body = _ENCODINGS[name](body, limit)
        except (zlib.error, zstd.ZstdError, EOFError) as problem:
            raise InvalidRequest(f"the body must be {name}, as its content-encoding says: {problem}") from None
    return body


def _identity(body: bytes, limit: int) -> bytes:
    return body


def _gzip(body: bytes, limit: int) -> bytes:
    return _zlib(body, limit, zlib.MAX_WBITS | 16)


def _deflate(body: bytes, limit: int) -> bytes:
    """With zlib's header, as the standard says, or without, as some clients send it."""
    headed = len(body) > 1 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    return _zlib(body, limit, zlib.MAX_WBITS if headed else -zlib.MAX_WBITS)


def _zlib(body: bytes, limit: int, bits: int) -> bytes:
    def start() -> tuple[_Decompressor, Callable[[bytes, int], bytes]]:
        one = zlib.decompressobj(bits)
        return one, one.decompress

    return _members(body, limit, start)


def _zstd(body: bytes, limit: int) -> bytes:
    def start() -> tuple[_Decompressor, Callable[[bytes, int], bytes]]:
        one = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: 23})  # 8 MiB, as RFC 8878 asks
        return one, one.decompress

    return _members(body, limit, start)


def _members(
    body: bytes, limit: int, start: Callable[[], tuple[_Decompressor, Callable[[bytes, int], bytes]]]
) -> bytes:
    """All members or frames of `body`, one after the other."""
    parts: list[bytes] = []
    room = limit
    while body:
        if len(parts) == MEMBERS:
            raise InvalidRequest(f"a compressed body may have at most {MEMBERS} members or frames")
        one, decompress = start()
        part = decompress(body, room + 1)
        room -= len(part)
        if room < 0:
            raise RequestTooLarge(f"the body must be at most {limit} bytes when it is decompressed")
        if not one.eof:
            raise EOFError("it ends too early")
        parts.append(part)
        body = one.unused_data
    return b"".join(parts)


_ENCODINGS: Mapping[str, Callable[[bytes, int], bytes]] = {
    "identity": _identity,
    "gzip": _gzip,
    "deflate": _deflate,
    "zstd": _zstd,
}
