"""Sounds that are made here from facts: tones, beats, and digits and colours said by espeak-ng's voices.

What is said is made once into a file (`python -m training.towers.sounds`), since a word takes espeak-ng longer than a
step takes a sound. Sound *i* is made from seed *i* alone; voices in `UNSEEN` are for evaluation. Knows no model.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import wave
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from training.config import RATE
from training.data.lists import words
from training.towers.facts import COLOURS, DIGITS, SKILLS, Facts, facts_of

Samples = NDArray[np.float32]
SPOKEN = {
    **dict(zip(DIGITS, words("zero one two three four five six seven eight nine"), strict=True)),
    **{c: c for c in COLOURS},
}
"""What is said, by the fact."""
ACCENTS = words("en-us en-gb en-us-nyc en-gb-x-rp")
VOICES = words(
    "m1 m2 m3 m4 m5 m7 m8 f1 f2 f3 f5 Andy Alex Alicia Denis Diogo Gene Hugo Jacky Lee Marco Mike anika antonio "
    "belinda benjamin boris caleb david ed max miguel pablo paul quincy rob sandro shelby travis victor zac"
)
UNSEEN = words("m6 f4 Annie Michael linda john edward steph2 robert norbert")
LONGEST = 1.6
"""Seconds of a sound; all are padded to that."""


def said(text: str, voice: str, speed: int, pitch: int) -> Samples:
    """`text` by espeak-ng, at `RATE`, without silence around it."""
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "--stdout", text]
    raw = subprocess.run(command, check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(raw[:40] + (len(raw) - 44).to_bytes(4, "little") + raw[44:])) as file:
        rate, data = file.getframerate(), file.readframes(file.getnframes())
    samples = np.frombuffer(data, "<i2").astype(np.float32) / 32768
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    samples = samples[loud[0] : loud[-1] + 1]
    at = np.arange(int(len(samples) * RATE / rate)) * (rate / RATE)
    return np.interp(at, np.arange(len(samples)), samples).astype(np.float32)


def speak(path: Path, takes: int) -> None:
    """Every word by every voice, `takes` times with another accent, speed and pitch, into one file."""
    rng, kept = Random("speech"), {}
    for voice, (fact, text), take in product((*VOICES, *UNSEEN), SPOKEN.items(), range(takes)):
        accent, speed, pitch = rng.choice(ACCENTS), rng.randrange(120, 200), rng.randrange(25, 75)
        samples = said(text, f"{accent}+{voice}", speed, pitch)[: int(LONGEST * RATE * 0.8)]
        kept[f"{voice}/{fact}/{take}"] = (samples * 32767).astype(np.int16)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **kept)


class Speech:
    """What was said, by fact: of the voices of training or of the others."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as data:
            takes = {tuple(name.split("/")): data[name].astype(np.float32) / 32767 for name in data.files}
        self._seen = self._of(takes, VOICES)
        self._unseen = self._of(takes, UNSEEN)

    @staticmethod
    def _of(takes: Mapping[tuple[str, ...], Samples], voices: tuple[str, ...] | list[str]) -> dict[str, list[Samples]]:
        out: dict[str, list[Samples]] = {}
        for (voice, fact, _), samples in takes.items():
            if voice in voices:
                out.setdefault(fact, []).append(samples)
        return out

    def one(self, rng: Random, fact: str, unseen: bool) -> Samples:
        """One take of a fact."""
        return rng.choice((self._unseen if unseen else self._seen)[fact])


def wave_of(hertz: NDArray[np.float64], rng: Random) -> Samples:
    """A tone whose pitch is given for every sample: a sine with some of its harmonics."""
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    total = sum(rng.uniform(0, 0.6) ** at * np.sin((at + 1) * phase) for at in range(rng.choice((1, 1, 2, 3))))
    return np.asarray(total, np.float32)


def tone(rng: Random, facts: Facts) -> Samples:
    """High, low, rising or falling."""
    count, kind = int(rng.uniform(0.5, 1.3) * RATE), facts["tone"]
    low, high = rng.uniform(90, 240), rng.uniform(900, 2400)
    if kind in ("high", "low"):
        return wave_of(np.full(count, high if kind == "high" else low), rng)
    base = rng.uniform(150, 700)
    ends = (base, base * rng.uniform(1.8, 4.0))
    begin, end = ends if kind == "rising" else ends[::-1]
    return wave_of(begin * (end / begin) ** np.linspace(0, 1, count), rng)


def beats(rng: Random, facts: Facts) -> Samples:
    """One to four short knocks."""
    number = ("one", "two", "three", "four").index(facts["count"]) + 1
    gap, length = rng.uniform(0.18, 0.3), rng.uniform(0.03, 0.07)
    hertz, noisy = rng.uniform(200, 1500), rng.random() < 0.5
    one = np.arange(int(length * RATE)) / RATE
    seeds = np.random.default_rng(rng.randrange(2**32))
    knock = seeds.standard_normal(len(one)) * 0.5 if noisy else np.sin(2 * np.pi * hertz * one)
    knock = knock * np.exp(-one / length * 3)
    out = np.zeros(int(((number - 1) * gap + length) * RATE) + 1, np.float32)
    for at in range(number):
        begin = int(at * gap * RATE)
        out[begin : begin + len(knock)] += knock[: len(out) - begin]
    return out


def noise(rng: Random, _: Facts) -> Samples:
    """Nothing that can be told: noise of some colour, swelling."""
    seeds = np.random.default_rng(rng.randrange(2**32))
    white = seeds.standard_normal(int(rng.uniform(0.6, 1.4) * RATE))
    width = rng.choice((1, 4, 16))
    soft = np.convolve(white, np.ones(width) / width**0.5, mode="same")
    return (soft * (0.6 + 0.4 * np.sin(np.arange(len(soft)) / RATE * rng.uniform(1, 9)))).astype(np.float32)


MADE = {"tone": tone, "beats": beats, "noise": noise}
"""What makes facts into sound, by their kind; the rest is said."""


def heard(seed: int, speech: Speech, skill: str | None = None, unseen: bool = False) -> tuple[Samples, Facts, float]:
    """Sound `seed` of one skill, what is heard in it, and the second at which that is over; `LONGEST` long."""
    rng = Random(f"sound {seed}")
    facts = facts_of(rng, SKILLS["audio"], skill)
    word = facts.get("digit") or facts.get("colour", "")
    samples = MADE[facts["kind"]](rng, facts) if facts["kind"] in MADE else speech.one(rng, word, unseen)
    total = int(LONGEST * RATE)
    begin = rng.randrange(0, max(1, min(RATE // 4, total - len(samples))))
    samples = samples[: total - begin]
    out = np.zeros(total, np.float32)
    level = rng.uniform(0.1, 0.8) / max(0.05, float(np.abs(samples).max()))
    out[begin : begin + len(samples)] = samples * level
    hiss = np.random.default_rng(seed).standard_normal(total).astype(np.float32)
    return out + hiss * 10 ** rng.uniform(-5, -2.5), facts, (begin + len(samples)) / RATE


def main() -> None:
    """Make what is said."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("training/out"))
    parser.add_argument("--takes", type=int, default=4)
    args = parser.parse_args()
    speak(args.out / "speech.npz", args.takes)


if __name__ == "__main__":
    main()
