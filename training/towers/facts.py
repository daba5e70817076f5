"""What a picture or a sound shows, as facts, and the one sentence that nano says of them.

Whatever is asked, the answer names all that is there: the frozen language model copies well what it is shown, and does
not learn from rows alone which part of it a question is about. Drawing and playing is for `pictures.py` and
`sounds.py`. Knows no pixels, no samples and no model.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Literal

from training.data.lists import texts, words

COLOURS = words("red green blue yellow orange purple pink brown black")
INKS = words("black blue red green")
SHAPES = words("circle square triangle star cross ring")
COUNTS = words("one two three four")
PLACES = words("left right top bottom middle")
SIZES = words("big small medium")
DIGITS = words("0 1 2 3 4 5 6 7 8 9")
WORDS = words("fox owl cat dog hat cup key map lamp boat fish tree moon star ship bird rain snow milk rice red blue")
TONES = words("high low rising falling")

VALUES: dict[str, tuple[str, ...]] = {
    "kind": words("one several digit word photo tone beats number name noise"),
    "colour": COLOURS, "shape": SHAPES, "count": COUNTS, "place": PLACES, "size": SIZES, "digit": DIGITS, "word": WORDS,
    "tone": TONES,
}  # fmt: skip
"""Every fact there may be, and its values."""
WIDTH = sum(map(len, VALUES.values()))
"""Numbers that say which facts hold: a one for each value that is there."""

Facts = dict[str, str]
Sense = Literal["image", "audio"]
CANNOT = "I cannot tell. I see drawn shapes, their colours, digits and short words."
CANNOT_HEAR = "I cannot tell. I hear tones, beats, spoken digits and colours."

REASONS: dict[Sense, str] = {"image": "I say what I see.", "audio": "I say what I hear."}
"""What nano thinks before it says it, with thinking on."""
QUESTIONS: dict[Sense, tuple[str, ...]] = {
    "image": texts(
        "What is this?|What do you see?|Describe the picture.|What is in the picture?|What is shown here?|"
        "Describe this image.|What is in this image?|Describe the image in one sentence.|What can you see?|"
        "What colour is it?|Which colour is this?|What color is it?|What color is the shape?|"
        "What colour is the circle?|"
        "What shape is it?|Which shape is this?|What shape do you see?|How many shapes are there?|Count shapes.|"
        "How many circles are there?|How many squares do you see?|How many are there?|Count the stars.|"
        "Where is it?|Where is the shape?|Where in the picture is it?|Is it big or small?|How big is it?|"
        "Which digit is this?|What digit do you see?|Read the digit.|What number is this?|"
        "What is written here?|Read the word.|Which word is this?|What does it say?|Read the text.|"
        "Who is in the photo?|Describe the photo.|What is the weather like?|How many people are there?"
    ),
    "audio": texts(
        "What do you hear?|What is this?|What is in the recording?|Describe the sound.|What sound is this?|Listen.|"
        "What is said?|What did I say?|What does the voice say?|Transcribe the audio.|Transcribe this.|"
        "What kind of tone is it?|Is the tone high or low?|Does the tone rise or fall?|Is the tone rising or falling?|"
        "How many beats are there?|How many beats do you hear?|Count the beats.|"
        "Which digit is said?|What digit do you hear?|Which number is it?|What number is said?|"
        "Which word is said?|Which colour is said?|What color do you hear?"
    ),
}
"""What is asked in training, in any combination with what is there."""


def said(facts: Facts) -> str:
    """The right answer: all that is there, in a sentence."""
    kind, tint = facts["kind"], facts.get("colour", "")
    if kind == "one":
        size, place = facts["size"], facts["place"]
        what = " ".join(word for word in (size if size != "medium" else "", tint, facts["shape"]) if word)
        at = "on" if place in ("left", "right") else "in" if place == "middle" else "at"
        return f"{'An' if what[0] in 'aeiou' else 'A'} {what} {at} the {place}."
    if kind == "several":
        shape = facts["shape"]
        return f"{facts['count'].capitalize()} {tint} {shape}{'es' if shape.endswith('s') else 's'}."
    if kind == "beats":
        return f"{facts['count'].capitalize()} beat{'' if facts['count'] == 'one' else 's'}."
    return {
        "digit": f"The digit {facts.get('digit')} in {tint}.",
        "word": f"The word {facts.get('word')} in {tint}.",
        "photo": CANNOT,
        "tone": f"A {facts.get('tone')} tone.",
        "number": f"The digit {facts.get('digit')}.",
        "name": f"The word {tint}.",
        "noise": CANNOT_HEAR,
    }[kind]


def numbers(facts: Facts) -> list[int]:
    """Which of `WIDTH` numbers are one."""
    out, begin = [], 0
    for name, values in VALUES.items():
        if name in facts:
            out.append(begin + values.index(facts[name]))
        begin += len(values)
    return out


def one(rng: Random) -> Facts:
    """One shape."""
    return {
        "kind": "one", "colour": rng.choice(COLOURS), "shape": rng.choice(SHAPES), "place": rng.choice(PLACES),
        "size": rng.choice(SIZES),
    }  # fmt: skip


def several(rng: Random) -> Facts:
    """Two to four shapes of a kind."""
    return {
        "kind": "several",
        "colour": rng.choice(COLOURS),
        "shape": rng.choice(SHAPES),
        "count": rng.choice(COUNTS[1:]),
    }


def digit(rng: Random) -> Facts:
    """A digit."""
    return {"kind": "digit", "digit": rng.choice(DIGITS), "colour": rng.choice(INKS)}


def word(rng: Random) -> Facts:
    """A short word."""
    return {"kind": "word", "word": rng.choice(WORDS), "colour": rng.choice(INKS)}


def photo(_: Random) -> Facts:
    """What is like a photo: nothing that can be told."""
    return {"kind": "photo"}


def tone(rng: Random) -> Facts:
    """A tone."""
    return {"kind": "tone", "tone": rng.choice(TONES)}


def beats(rng: Random) -> Facts:
    """Short knocks."""
    return {"kind": "beats", "count": rng.choice(COUNTS)}


def number(rng: Random) -> Facts:
    """A spoken digit."""
    return {"kind": "number", "digit": rng.choice(DIGITS)}


def name(rng: Random) -> Facts:
    """A spoken colour."""
    return {"kind": "name", "colour": rng.choice(COLOURS)}


def noise(_: Random) -> Facts:
    """What is like a recording of the world: nothing that can be told."""
    return {"kind": "noise"}


Skills = dict[str, tuple[Callable[[Random], Facts], float]]
SKILLS: dict[Sense, Skills] = {
    "image": {
        "one": (one, 5.0),
        "several": (several, 3.0),
        "digit": (digit, 3.0),
        "word": (word, 4.0),
        "photo": (photo, 1.5),
    },
    "audio": {
        "tone": (tone, 3.0),
        "beats": (beats, 2.0),
        "number": (number, 5.0),
        "name": (name, 4.0),
        "noise": (noise, 1.0),
    },
}
"""What is shown and heard, and its share."""


def facts_of(rng: Random, skills: Skills, skill: str | None = None) -> Facts:
    """Facts of one skill or of any."""
    chosen = skill or rng.choices(list(skills), [share for _, share in skills.values()])[0]
    return skills[chosen][0](rng)
