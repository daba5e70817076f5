"""An image file → one picture of RGB bytes, with Pillow. Runs in the process that decodes.

Turned as its EXIF says; transparency laid on white; 16 bits a channel rounded to 8; CMYK and palettes converted; of an
animation the first picture. Knows no request.
"""

from __future__ import annotations

import io
import math
import warnings
from typing import Any

from PIL import Image, ImageOps

from mimo.media.decode.limits import Limits

warnings.simplefilter("ignore")  # of damaged metadata, which nobody reads
Image.MAX_IMAGE_PIXELS = None  # our own limit has words for it
Image.preinit()
Image.init()  # now: later no file can be opened


class Refusal(Exception):
    """What is wrong with a file, as the end of a sentence about it."""


def picture(data: bytes, form: str, limits: Limits) -> dict[str, Any]:
    """`width`, `height` and `rgb` of the image in `data`, whose format is `form`. Raises `Refusal`."""
    try:
        with Image.open(io.BytesIO(data), formats=[form]) as image:
            check_pixels(image.width, image.height, limits.pixels)
            if form == "jpeg":  # decodes to a half, a quarter or an eighth where that suffices
                image.draft(None, fitted(image.width, image.height, limits.kept))
            return shaped(opaque(ImageOps.exif_transpose(image)), limits.kept)
    except (Refusal, MemoryError):
        raise
    except Exception as problem:  # a damaged file can raise anything from Pillow
        raise Refusal(f"cannot be decoded as {form}: {words_of(problem)}") from None


def check_pixels(width: int, height: int, most: int) -> None:
    """Raise `Refusal` for a size over the limit."""
    if width < 1 or height < 1:
        raise Refusal(f"is {width} × {height} pixels: it has none")
    if width * height > most:
        raise Refusal(f"is {width} × {height} pixels; at most {most:,} are allowed; make it smaller")


def opaque(image: Image.Image) -> Image.Image:
    """As RGB."""
    if image.mode.startswith("I") or image.mode == "F":
        image = _eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits or of floats. Pillow's own conversion cuts what is over 255."""
    scale = 1.0 if image.mode == "F" else 1 / 257
    return image.convert("F").point(lambda value: value * scale + 0.5).convert("L")


def fitted(width: int, height: int, most: int) -> tuple[int, int]:
    """The size of at most `most` pixels that has the same shape."""
    if width * height <= most:
        return width, height
    scale = math.sqrt(most / (width * height))
    return max(1, min(int(width * scale), most)), max(1, min(int(height * scale), most))


def shaped(image: Image.Image, most: int) -> dict[str, Any]:
    """The picture as a value, of at most `most` pixels."""
    size = fitted(image.width, image.height, most)
    if size != image.size:
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return {"width": image.width, "height": image.height, "rgb": image.tobytes()}


def words_of(problem: Exception) -> str:
    """What a library says, in a line."""
    return " ".join(str(problem).split())[:200] or type(problem).__name__
