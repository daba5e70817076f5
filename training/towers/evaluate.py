"""Held-out evaluation of nano with its towers, by the server itself: `python -m training.towers.evaluate`.

Seeds begin at EVALUATION_SEED, where training ends, and voices are those that it never heard. Each medium is asked for
one of the facts it shows, in turn; every fact of it must be said all the same. `--card` writes the table into CARD.md
between its marks.
"""

from __future__ import annotations

import argparse
import base64
import io
import re
import wave
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
from numpy.typing import NDArray

from mimo.testing import served
from training.config import RATE
from training.data import EVALUATION_SEED
from training.towers.facts import CANNOT, CANNOT_HEAR, SKILLS, Facts, Sense, said
from training.towers.pictures import SIZES, shown
from training.towers.sounds import Speech, heard

ASKS = {
    "colour": "What colour is it?", "shape": "What shape is it?", "size": "Is it big or small?",
    "place": "Where is it?", "count": "How many are there?", "digit": "Which digit is this?",
    "word": "What is written here?", "tone": "What kind of tone is it?", "photo": "Describe the photo.",
    "noise": "What do you hear?",
    "number": "Which digit is said?", "name": "Which word is said?", "beats": "How many beats are there?",
}  # fmt: skip
"""What is asked for a fact, or for a kind without one."""
Part = tuple[dict[str, object], Facts]


def says(facts: Facts, name: str, answer: str) -> bool:
    """Whether `answer` says the fact `name` of them."""
    if name in ("photo", "noise"):
        return answer in (CANNOT, CANNOT_HEAR)
    value = facts[name]
    if name == "size" and value == "medium":
        return not re.search(r"\b(big|small)\b", answer)
    return re.search(rf"\b{value}", answer, re.I) is not None


def picture_part(seed: int, skill: str) -> Part:
    """A picture of one of the sizes as a part of a message, and what it shows."""
    image, facts = shown(EVALUATION_SEED + seed, SIZES[seed % len(SIZES)], skill)
    file = io.BytesIO()
    image.save(file, "png")
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{encoded(file)}"}}, facts


def sound_part(seed: int, skill: str, speech: Speech) -> Part:
    """A sound likewise, by voices that training never heard."""
    samples, facts, _ = heard(EVALUATION_SEED + seed, speech, skill, unseen=True)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, RATE, 0, "NONE", ""))
        writer.writeframes(pcm(samples))
    return {"type": "input_audio", "input_audio": {"data": encoded(file), "format": "wav"}}, facts


def pcm(samples: NDArray[np.float32]) -> bytes:
    """Sixteen bits a sample."""
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def encoded(file: io.BytesIO) -> str:
    """Its content in base64."""
    return base64.b64encode(file.getvalue()).decode()


def answered(client: httpx.Client, part: dict[str, object], ask: str) -> str:
    """What nano says, greedily."""
    content = [part, {"type": "text", "text": ask}]
    body = {"model": "mimo-v2-omni", "seed": 0, "temperature": 0, "max_completion_tokens": 60}
    answer = client.post("/chat/completions", json={**body, "messages": [{"role": "user", "content": content}]})
    return str(answer.raise_for_status().json()["choices"][0]["message"]["content"])


def asks_of(kind: str, facts: Facts) -> list[str]:
    """The questions for what is there."""
    return [ASKS[kind]] if kind in ASKS else [ASKS[name] for name in facts if name != "kind"]


def rows(client: httpx.Client, sense: Sense, make: Callable[[int, str], Part], count: int) -> Iterator[str]:
    """Lines of the table."""
    for kind in SKILLS[sense]:
        right: Counter[str] = Counter()
        for seed in range(count):
            part, facts = make(seed, kind)
            asks = asks_of(kind, facts)
            answer = answered(client, part, asks[seed % len(asks)])
            names = [name for name in facts if name != "kind"] or [kind]
            right.update(name for name in names if says(facts, name, answer))
            right["all of it"] += answer == said(facts)
        for name in (*names, *(("all of it",) if len(names) > 1 else ())):
            words = "says that it cannot tell" if name in ("photo", "noise") else name
            yield f"| {kind} | {words} | {right[name] / count:.0%} |"


def main() -> None:
    """Print the table, or write it into the card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("training/out"), help="where speech.npz lies")
    parser.add_argument("--mmproj", type=Path, help="the towers; those that are shipped if left out")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--senses", default="image,audio")
    parser.add_argument("--card", type=Path)
    args = parser.parse_args()
    given = ("--mmproj", str(args.mmproj)) if args.mmproj else ()
    lines = [f"| media ({args.count} each) | fact | said |", "|---|---|---|"]
    with served("--slots", "2", *given) as server, httpx.Client(base_url=server.base_url, timeout=120) as client:
        if "image" in args.senses:
            lines += rows(client, "image", picture_part, args.count)
        if "audio" in args.senses:
            speech = Speech(args.out / "speech.npz")
            lines += rows(client, "audio", lambda seed, kind: sound_part(seed, kind, speech), args.count)
    table = "\n".join(lines)
    print(table)
    if args.card:
        begin, end = "<!-- media -->", "<!-- /media -->"
        before, rest = args.card.read_text("utf-8").split(begin)
        args.card.write_text(f"{before}{begin}\n{table}\n{end}{rest.split(end)[1]}", "utf-8")


if __name__ == "__main__":
    main()
