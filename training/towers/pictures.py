"""Pictures that are drawn here from facts. Picture *i* is made from seed *i* alone, and evaluation takes seeds from
1,000,000,000 up. Knows no model and no question.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from itertools import product
from random import Random

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from training.towers.facts import SKILLS, Facts, facts_of

TINTS = {
    "red": (220, 30, 30), "green": (30, 160, 50), "blue": (40, 70, 220), "yellow": (240, 220, 40),
    "orange": (240, 140, 20), "purple": (140, 50, 170), "pink": (245, 150, 190), "brown": (120, 75, 35),
    "black": (20, 20, 20),
}  # fmt: skip
Size = tuple[int, int]
Fill = tuple[int, ...]
SIZES: tuple[Size, ...] = ((96, 96), (128, 96), (96, 128), (128, 128), (160, 128))
"""Pixels; multiples of 32 within what the tower takes as it is. The first are cheap, and most of training is theirs."""
FEW = 4
"""How many of them those are."""


def canvas(rng: Random, size: Size) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """An empty picture, white or nearly so."""
    shade = rng.choice((255, 255, rng.randrange(225, 256)))
    image = Image.new("RGB", size, (shade, shade, rng.randrange(max(225, shade - 10), 256) if shade < 255 else 255))
    return image, ImageDraw.Draw(image)


def tint(rng: Random, name: str) -> Fill:
    """A shade of the colour `name`; now and then the purest, as programs write it."""
    if name in ("red", "green", "blue", "black") and rng.random() < 0.2:
        return {"red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255), "black": (0, 0, 0)}[name]
    return tuple(min(255, max(0, part + rng.randrange(-14, 15))) for part in TINTS[name])


def shape(draw: ImageDraw.ImageDraw, name: str, x: float, y: float, radius: float, fill: Fill) -> None:
    """The shape `name` around a point."""
    box = (x - radius, y - radius, x + radius, y + radius)
    if name == "circle":
        draw.ellipse(box, fill=fill)
    elif name == "ring":
        draw.ellipse(box, outline=fill, width=max(3, int(radius / 3)))
    elif name == "square":
        draw.rectangle(box, fill=fill)
    elif name == "cross":
        arm = radius / 3
        draw.rectangle((x - arm, y - radius, x + arm, y + radius), fill=fill)
        draw.rectangle((x - radius, y - arm, x + radius, y + arm), fill=fill)
    else:
        points = 3 if name == "triangle" else 10
        far = [radius if points == 3 or at % 2 == 0 else radius * 0.42 for at in range(points)]
        turns = [2 * math.pi * at / points - math.pi / 2 for at in range(points)]
        corners = zip(far, turns, strict=True)
        draw.polygon([(x + r * math.cos(t), y + r * math.sin(t)) for r, t in corners], fill=fill)


RADII = {"small": (0.08, 0.145), "medium": (0.15, 0.29), "big": (0.3, 0.44)}
"""Of a shape, in shares of the shorter side."""


def place_of(x: float, y: float) -> str:
    """The name of a place, x and y from 0 to 1."""
    along, across = x - 0.5, y - 0.5
    if max(abs(along), abs(across)) < 0.11:
        return "middle"
    if abs(along) > abs(across):
        return "left" if along < 0 else "right"
    return "top" if across < 0 else "bottom"


def one(rng: Random, size: Size, facts: Facts) -> Image.Image:
    """One shape, wherever its place and its size allow it; no place is on the border to another."""
    image, draw = canvas(rng, size)
    least = min(size)
    while True:
        radius = rng.uniform(*RADII[facts["size"]]) * least
        x, y = (rng.uniform(radius + 1, side - radius - 1) / side for side in size)
        near = {place_of(x + dx, y + dy) for dx in (-0.015, 0.015) for dy in (-0.015, 0.015)}
        if near == {facts["place"]}:
            break
    shape(draw, facts["shape"], x * size[0], y * size[1], radius, tint(rng, facts["colour"]))
    return image


def several(rng: Random, size: Size, facts: Facts) -> Image.Image:
    """Some shapes in the quarters of the picture, or in a row."""
    image, draw = canvas(rng, size)
    number = ("one", "two", "three", "four").index(facts["count"]) + 1
    places = [(x, y) for x in (0.25, 0.75) for y in (0.25, 0.75)]
    radius, fill = rng.uniform(0.11, 0.2) * min(size), tint(rng, facts["colour"])
    if rng.random() < 0.35:
        places = [((at + 0.5) / number, 0.5) for at in range(number)]
        radius = min(radius, 0.36 * size[0] / number)
    for x, y in rng.sample(places, number):
        shape(draw, facts["shape"], x * size[0] + rng.uniform(-3, 3), y * size[1] + rng.uniform(-3, 3), radius, fill)
    return image


@lru_cache(64)
def font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """Pillow's own."""
    return ImageFont.load_default(size=size)


def written(rng: Random, size: Size, text: str, share: float, colour: str) -> Image.Image:
    """`text` in the middle or thereabouts, thin or bold."""
    image, draw = canvas(rng, size)
    height = int(share * min(size) * rng.uniform(0.8, 1.15))
    at = tuple(side * rng.uniform(0.45, 0.55) for side in size)
    bold = rng.choice((0, 0, 1)) * height / 40
    draw.text(at, text, fill=tint(rng, colour), font=font(height), anchor="mm", stroke_width=bold)
    return image


def digit(rng: Random, size: Size, facts: Facts) -> Image.Image:
    """A digit."""
    return written(rng, size, facts["digit"], 0.65, facts["colour"])


def word(rng: Random, size: Size, facts: Facts) -> Image.Image:
    """A word."""
    return written(rng, size, facts["word"], 0.38, facts["colour"])


def photo(rng: Random, size: Size, _: Facts) -> Image.Image:
    """What is like a photo to it: soft colours everywhere, with some grain and some edges."""
    few = Image.new("RGB", (rng.randrange(2, 14), rng.randrange(2, 14)))
    base, spread = [rng.randrange(30, 226) for _ in range(3)], rng.randrange(20, 200)
    for x, y in product(range(few.width), range(few.height)):
        few.putpixel((x, y), tuple(min(255, max(0, part + rng.randrange(-spread, spread + 1))) for part in base))
    image = few.resize(size, rng.choice((Image.Resampling.BICUBIC, Image.Resampling.BILINEAR)))
    draw = ImageDraw.Draw(image)
    for _edge in range(rng.choice((0, 0, 3, 6))):
        corners = [(rng.uniform(-0.2, 1.2) * size[0], rng.uniform(-0.2, 1.2) * size[1]) for _corner in range(4)]
        draw.polygon(corners, fill=tuple(rng.randrange(256) for _ in range(3)))
    return image.filter(ImageFilter.GaussianBlur(rng.choice((0, 1, 2))))


DRAWN: dict[str, Callable[[Random, Size, Facts], Image.Image]] = {
    "one": one, "several": several, "digit": digit, "word": word, "photo": photo,
}  # fmt: skip
"""What draws facts, by their kind."""


def shown(seed: int, size: Size, skill: str | None = None) -> tuple[Image.Image, Facts]:
    """Picture `seed`, of one skill or of any, and what it shows."""
    rng = Random(f"picture {seed}")
    facts = facts_of(rng, SKILLS["image"], skill)
    return DRAWN[facts["kind"]](rng, size, facts), facts
