"""The beginnings of files, real enough to be known by their content, and data URIs of them."""

from __future__ import annotations

import base64
import io
import struct
import wave
import zlib


def png(width: int = 2, height: int = 2) -> bytes:
    """A whole PNG, red."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\0" + b"\xff\0\0" * width) * height)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def wav(seconds: float = 0.01) -> bytes:
    """A whole WAV, silent."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(16_000)
        writer.writeframes(b"\0\0" * int(16_000 * seconds))
    return file.getvalue()


def box(brand: bytes) -> bytes:
    """The first box of a file in the container of MP4."""
    return b"\0\0\0\x18ftyp" + brand + b"\0\0\2\0isomiso2" + b"\0" * 8


PNG = png()
WAV = wav()
MP4 = box(b"isom")

BEGINNINGS: dict[str, tuple[str, bytes]] = {
    "jpeg": ("image", b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1"),
    "png": ("image", PNG),
    "gif": ("image", b"GIF89a\1\0\1\0\0\0\0;"),
    "webp": ("image", b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0"),
    "bmp": ("image", b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\2\0\0\0"),
    "mp3": ("audio", b"ID3\4\0\0\0\0\0\x23TSSE\0\0\0\x0f"),
    "wav": ("audio", WAV),
    "flac": ("audio", b"fLaC\0\0\0\x22\x10\0\x10\0"),
    "m4a": ("audio", box(b"M4A ")),
    "ogg": ("audio", b"OggS\0\2" + b"\0" * 20),
    "mp4": ("video", MP4),
    "mov": ("video", box(b"qt  ")),
    "avi": ("video", b"RIFF\x24\x10\0\0AVI LIST"),
    "wmv": ("video", bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + b"\0" * 14),
}
"""Every format of the contract: its kind, and how a file of it begins."""


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def uri(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{encoded(data)}"
