"""Pictures that are drawn here, each with a question and its answer: the one table of what nano learns to see.

A skill is a function `draw(rng, size) -> Shown`; picture *i* is made from seed *i* alone, and evaluation takes seeds
from 1,000,000,000 up. Knows no model.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageDraw, ImageFont

from training.data.lists import texts, words

COLOURS = {
    "red": (220, 30, 30), "green": (30, 160, 50), "blue": (40, 70, 220), "yellow": (240, 220, 40),
    "orange": (240, 140, 20), "purple": (140, 50, 170), "pink": (245, 150, 190), "brown": (120, 75, 35),
    "black": (20, 20, 20),
}  # fmt: skip
SHAPES = words("circle square triangle star cross ring")
COUNTS = words("One Two Three Four")
WORDS = words("fox owl cat dog hat cup key map lamp boat fish tree moon star ship bird rain snow milk rice red blue")
Size = tuple[int, int]
CANNOT = "I cannot tell. I see drawn shapes, their colours, digits and short words."


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture, what is asked of it and what is right."""

    image: Image.Image
    question: str
    answer: str


def canvas(rng: Random, size: Size) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """An empty picture, white or nearly so."""
    shade = rng.choice((255, 255, rng.randrange(225, 256)))
    image = Image.new("RGB", size, (shade, shade, rng.randrange(max(225, shade - 10), 256)))
    return image, ImageDraw.Draw(image)


def colour(rng: Random, name: str) -> tuple[int, ...]:
    """A shade of the colour `name`."""
    return tuple(min(255, max(0, part + rng.randrange(-14, 15))) for part in COLOURS[name])


def shape(draw: ImageDraw.ImageDraw, name: str, x: float, y: float, radius: float, fill: tuple[int, ...]) -> None:
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


def one(rng: Random, size: Size) -> Shown:
    """One shape: what it is, or its colour, or its shape."""
    image, draw = canvas(rng, size)
    name, tint, least = rng.choice(SHAPES), rng.choice(list(COLOURS)), min(size)
    radius = rng.uniform(0.2, 0.42) * least
    x, y = (rng.uniform(radius + 2, side - radius - 2) for side in size)
    shape(draw, name, x, y, radius, colour(rng, tint))
    article = "an" if tint[0] in "aeiou" else "a"
    asks = {
        f"{article.capitalize()} {tint} {name}.": "What is this?|What do you see?|Describe the picture.",
        f"{tint.capitalize()}.": "What colour is it?|Which colour is the shape?|What colour is this?",
        f"A {name}.": "What shape is it?|Which shape is this?|What shape do you see?",
    }
    answer = rng.choice(list(asks))
    return Shown(image, rng.choice(texts(asks[answer])), answer)


def count(rng: Random, size: Size) -> Shown:
    """One to four shapes of a kind, side by side or one above the other."""
    image, draw = canvas(rng, size)
    number, name, tint = rng.randrange(1, 5), rng.choice(SHAPES), rng.choice(list(COLOURS))
    places = [(x, y) for x in (0.25, 0.75) for y in (0.25, 0.75)]
    for x, y in rng.sample(places, number):
        radius = rng.uniform(0.12, 0.2) * min(size)
        x, y = x * size[0] + rng.uniform(-3, 3), y * size[1] + rng.uniform(-3, 3)
        shape(draw, name, x, y, radius, colour(rng, tint))
    ask = rng.choice(texts("How many {n}s are there?|Count the {n}s.|How many {n}s do you see?")).format(n=name)
    return Shown(image, ask.replace("crosss", "crosses"), f"{COUNTS[number - 1]}.")


def place(rng: Random, size: Size) -> Shown:
    """Where one shape is."""
    image, draw = canvas(rng, size)
    name, where = rng.choice(SHAPES), rng.choice(("left", "right", "top", "bottom"))
    along, across = rng.uniform(0.15, 0.25), rng.uniform(0.4, 0.6)
    x, y = {
        "left": (along, across), "right": (1 - along, across), "top": (across, along), "bottom": (across, 1 - along),
    }[where]  # fmt: skip
    shape(draw, name, x * size[0], y * size[1], 0.13 * min(size), colour(rng, rng.choice(list(COLOURS))))
    side = f"On the {where}." if where in ("left", "right") else f"At the {where}."
    return Shown(image, rng.choice((f"Where is the {name}?", "Where is it?")), side)


def written(rng: Random, size: Size, text: str, share: float) -> Image.Image:
    """`text` in the middle or thereabouts."""
    image, draw = canvas(rng, size)
    font = ImageFont.load_default(size=share * min(size) * rng.uniform(0.9, 1.1))
    at = tuple(side * rng.uniform(0.46, 0.54) for side in size)
    draw.text(at, text, fill=colour(rng, rng.choice(("black", "blue", "red", "green"))), font=font, anchor="mm")
    return image


def digit(rng: Random, size: Size) -> Shown:
    """A digit."""
    text = str(rng.randrange(10))
    ask = rng.choice(texts("Which digit is this?|What digit do you see?|Read the digit."))
    return Shown(written(rng, size, text, 0.6), ask, f"{text}.")


def word(rng: Random, size: Size) -> Shown:
    """A short word."""
    text = rng.choice(WORDS)
    ask = rng.choice(texts("What is written here?|Read the word.|Which word is this?"))
    return Shown(written(rng, size, text, 0.36), ask, f"{text}.")


def photo(rng: Random, size: Size) -> Shown:
    """What is like a photo to it: soft colours everywhere."""
    few = Image.new("RGB", (rng.randrange(3, 9), rng.randrange(3, 9)))
    few.putdata([tuple(rng.randrange(256) for _ in range(3)) for _ in range(few.width * few.height)])
    ask = rng.choice(texts("What is this?|What do you see?|Describe the photo.|Who is in the photo?"))
    return Shown(few.resize(size, Image.Resampling.BICUBIC), ask, CANNOT)


SKILLS: dict[str, tuple[Callable[[Random, Size], Shown], float]] = {
    "one": (one, 5.0),
    "count": (count, 3.0),
    "place": (place, 2.0),
    "digit": (digit, 3.0),
    "word": (word, 4.0),
    "photo": (photo, 1.0),
}
"""What is drawn, and its share."""
SIZES: tuple[Size, ...] = ((96, 96), (128, 128), (160, 96), (128, 160), (192, 192), (256, 256))
"""Pixels; multiples of 32 within what the tower takes as it is."""


def shown(seed: int, size: Size, skill: str | None = None) -> Shown:
    """Picture `seed`, of one skill or of any."""
    rng = Random(f"picture {seed}")
    name = skill or rng.choices(list(SKILLS), [share for _, share in SKILLS.values()])[0]
    return SKILLS[name][0](rng, size)
