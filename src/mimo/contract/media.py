"""The media of the contract, one row a kind (contract section 3): formats, media types, sizes, how a video is seen.

Everything that says how large, how many or which formats reads it from here. No content is looked at here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mimo.types import MediaKind

MB = 1_000_000
"""Bytes. The contract's sizes are of the content itself, not of its base64, which is a third longer."""


@dataclass(frozen=True, slots=True)
class Medium:
    """One kind. `formats`: media types by the format's name, the one that we send first. `inline`, `fetched`: the most
    bytes of content in the request, and at a URL."""

    formats: Mapping[str, tuple[str, ...]]
    inline: int
    fetched: int


MEDIA: Mapping[MediaKind, Medium] = MappingProxyType({
    "image": Medium(
        {
            "jpeg": ("image/jpeg", "image/jpg", "image/pjpeg"),
            "png": ("image/png", "image/x-png"),
            "gif": ("image/gif",),
            "webp": ("image/webp",),
            "bmp": ("image/bmp", "image/x-bmp", "image/x-ms-bmp"),
        },
        inline=50 * MB, fetched=50 * MB,
    ),
    "audio": Medium(
        {
            "mp3": ("audio/mpeg", "audio/mp3", "audio/x-mp3", "audio/mpeg3"),
            "wav": ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"),
            "flac": ("audio/flac", "audio/x-flac"),
            "m4a": ("audio/mp4", "audio/m4a", "audio/x-m4a", "audio/aac"),
            "ogg": ("audio/ogg", "application/ogg", "audio/opus", "audio/vorbis"),
        },
        inline=50 * MB, fetched=100 * MB,
    ),
    "video": Medium(
        {
            "mp4": ("video/mp4", "video/x-m4v"),
            "mov": ("video/quicktime", "video/mov"),
            "avi": ("video/x-msvideo", "video/avi", "video/msvideo", "video/vnd.avi"),
            "wmv": ("video/x-ms-wmv", "video/x-ms-asf", "video/wmv"),
        },
        inline=50 * MB, fetched=300 * MB,
    ),
})  # fmt: skip

MAX_PARTS = 64
"""Images, sounds and videos in one request."""

MAX_FETCHED = 300 * MB
"""Bytes that all URLs of one request may hold together."""

FPS: tuple[float, float] = (0.1, 10)
"""Frames a second that a video may be looked at with; both bounds are allowed."""
DEFAULT_FPS = 2.0

RESOLUTIONS = ("default", "max")
"""What `media_resolution` may say; the first is the default."""

BODY_BYTES = 72 * MB
"""The largest body where media are taken: one part of the largest size in base64, and room for the other fields."""


def names(kind: MediaKind) -> str:
    """The formats of `kind` for a sentence: `jpeg, png, gif, webp or bmp`."""
    *most, last = MEDIA[kind].formats
    return f"{', '.join(most)} or {last}"


def megabytes(size: int) -> str:
    """`size` in bytes for a sentence, to the byte: what is over a limit is never rounded down to it."""
    return f"{size / MB:.6f}".rstrip("0").rstrip(".") + " MB"
