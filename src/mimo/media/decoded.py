"""What a medium is once it is decoded: pixels or samples. Knows no file format."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class Picture:
    """`rgb`: three bytes a pixel, rows from the top. `at`: the second of a film at which it is seen."""

    width: int
    height: int
    rgb: bytes = field(repr=False)
    at: float | None = None

    @property
    def digest(self) -> bytes:
        """16 bytes that no other picture has."""
        head = b"picture %d %d " % (self.width, self.height)
        return blake2b(head + self.rgb, digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Sound:
    """`samples`: float32, little-endian, one channel, -1 to 1; `rate`: of them a second."""

    samples: bytes = field(repr=False)
    rate: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / 4 / self.rate

    @property
    def digest(self) -> bytes:
        """16 bytes that no other sound has."""
        return blake2b(b"sound %d " % self.rate + self.samples, digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Film:
    """The pictures of a film that are looked at, in their order."""

    frames: tuple[Picture, ...]


Decoded = Picture | Sound | Film
