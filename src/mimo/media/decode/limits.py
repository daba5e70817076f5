"""What decoding may cost, one row of numbers; looked at before anything is decoded, and again while it is.

Plain numbers: they go to the process that decodes.
"""

from __future__ import annotations

from msgspec import Struct

MEGAPIXEL = 1_000_000


class Limits(Struct, frozen=True):
    """`pixels`: of an image as it is stored, or of one picture of a film. `kept`: of what is handed on; an image with
    more is scaled down to it. `seconds`, `film_seconds`: of a sound, of a film. `frames`: pictures of a film that are
    looked at. `frame_kept`: as `kept`, of each of them, where `media_resolution` is not `max`; `max_frame_kept`: where
    it is. `rate`: samples a second of a sound."""

    pixels: int = 64 * MEGAPIXEL
    kept: int = 4096 * 1024
    seconds: float = 120.0
    film_seconds: float = 600.0
    frames: int = 128
    frame_kept: int = 128 * 1024
    max_frame_kept: int = 1024 * 1024
    rate: int = 24_000
