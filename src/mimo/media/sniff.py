"""What a file is, by the bytes that it begins with; whatever its name and its sender say.

Knows the formats of the contract and no others. It looks at a head only: whether the rest can be decoded, the engine
finds.
"""

from __future__ import annotations

from collections.abc import Callable

HEAD = 48
"""Bytes that suffice, where a file has so many."""

_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
"""Sizes of the header that follows the first 14 bytes: `BM` alone begins many a text."""

_NOT_FILM = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"avif", b"avis", b"mif1", b"msf1", b"crx ")
"""Brands of pictures in the container of MP4."""
_SOUND = (b"M4A ", b"M4B ", b"M4P ")


def formats_of(head: bytes) -> tuple[str, ...]:
    """The names of what `head` begins: one, or two where the container alone does not tell sound from film (`mp4`,
    `m4a`); none if it is nothing that we know."""
    return tuple(name for name, begins in SIGNATURES if begins(head))


def _at(offset: int, *marks: bytes) -> Callable[[bytes], bool]:
    return lambda head: any(head[offset : offset + len(mark)] == mark for mark in marks)


def _riff(kind: bytes) -> Callable[[bytes], bool]:
    return lambda head: head[:4] == b"RIFF" and head[8:12] == kind


def _bmp(head: bytes) -> bool:
    return head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS


def _mp3(head: bytes) -> bool:
    """A tag, or the header of a frame: 11 bits of sync, a version, layer III, a bit rate and a sample rate."""
    if head[:3] == b"ID3":
        return True
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    return version != 1 and layer == 1 and head[2] >> 4 != 15 and head[2] >> 2 & 3 != 3


def _brand(head: bytes) -> bytes | None:
    """What kind of MP4 it says that it is."""
    return head[8:12] if head[4:8] == b"ftyp" else None


def _mp4(head: bytes) -> bool:
    brand = _brand(head)
    return brand is not None and brand not in (b"qt  ", *_SOUND, *_NOT_FILM)


def _mov(head: bytes) -> bool:
    """With its brand; or, as older ones are, beginning with one of its atoms."""
    return _brand(head) == b"qt  " or head[4:8] in (b"moov", b"mdat", b"wide")


SIGNATURES: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    ("jpeg", _at(0, b"\xff\xd8\xff")),
    ("png", _at(0, b"\x89PNG\r\n\x1a\n")),
    ("gif", _at(0, b"GIF87a", b"GIF89a")),
    ("webp", _riff(b"WEBP")),
    ("bmp", _bmp),
    ("mp3", _mp3),
    ("wav", _riff(b"WAVE")),
    ("flac", _at(0, b"fLaC")),
    ("m4a", lambda head: _brand(head) in _SOUND or _mp4(head)),
    ("ogg", _at(0, b"OggS")),
    ("mp4", _mp4),
    ("mov", _mov),
    ("avi", _riff(b"AVI ")),
    ("wmv", _at(0, bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"))),
)
"""Every format by name, and whether a head begins it."""
