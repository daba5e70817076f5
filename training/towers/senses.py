"""The two senses: what each draws or plays for a step, its tower, and which of its rows must know the facts.

For the loop in `train.py` they are alike. Knows no language model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from training.config import SOUND, VISION
from training.towers.facts import Facts
from training.towers.hearing import Hearing, filters, mel_of
from training.towers.pictures import FEW, SIZES, shown
from training.towers.sounds import Speech, heard
from training.towers.vision import Vision

ROW_SECONDS = 0.16


class Learner(Protocol):
    """A tower, and what it learns from. `last`: the matrix that gives rows for the language model [batch, rows, width]
    of what is seen."""

    tower: nn.Module
    last: nn.Linear
    seen_width: int

    def batch(self, step: int, count: int) -> tuple[Tensor, list[Facts], Any]:
        """Input for a step, what it holds, and what `read` needs to know of it."""

    def seen(self, given: Tensor) -> tuple[Tensor, Tensor]:
        """What is seen in each row [batch, rows, seen_width], and a loss of the tower's own."""

    def slots(self, rows: Tensor, known: Any) -> tuple[Tensor, Tensor]:
        """Of rows or what is seen in them: those that must know the facts [some, slots, …], and whose they are."""


class Sight:
    """Pictures: the first rows each have a part of what there is to say, and all others one more together."""

    def __init__(self, size: str, slots: int, out: Path) -> None:
        self.tower, self.seen_width, self._slots = Vision(VISION[size]), 4 * VISION[size].width, slots
        self.last = self.tower.mm_2

    def batch(self, step: int, count: int) -> tuple[Tensor, list[Facts], None]:
        """Pictures of one size: `count` of the smallest, of larger ones fewer; three steps in four have cheap sizes."""
        rng = Random(f"size {step}")
        size = rng.choice(SIZES[:FEW] if rng.random() < 0.75 else SIZES)
        count = max(8, count * SIZES[0][0] * SIZES[0][1] // (size[0] * size[1]))
        images, facts = zip(*(shown(step * 1000 + at, size) for at in range(count)), strict=True)
        return pixels_of(images), list(facts), None

    def seen(self, given: Tensor) -> tuple[Tensor, Tensor]:
        found = self.tower.seen(given)
        return found, found.sum() * 0.0

    def slots(self, rows: Tensor, known: None) -> tuple[Tensor, Tensor]:
        first = self._slots - 1
        both = torch.cat((rows[:, :first], rows[:, first:].mean(1, keepdim=True)), dim=1)
        return both, torch.arange(len(rows), device=rows.device)


class Listening:
    """Sounds: every row from the one on in which the sound ends knows all. Codes stand for sounds after `lay` steps."""

    def __init__(self, size: str, slots: int, out: Path, lay: int = 500) -> None:
        self.tower, self.seen_width = Hearing(SOUND[size]), SOUND[size].group * SOUND[size].width
        self.last = self.tower.mlp_2
        self._speech, self._table, self._lay = Speech(out / "speech.npz"), filters(SOUND[size].mel), lay

    def batch(self, step: int, count: int) -> tuple[Tensor, list[Facts], Tensor]:
        """Sounds of one length; known [batch, rows]: whether the sound is over in a row."""
        made = [heard(step * 1000 + at, self._speech) for at in range(count)]
        mels = torch.from_numpy(np.stack([mel_of(samples, self._table) for samples, _, _ in made]))
        self.tower.quantised = step > self._lay
        if step == self._lay:
            print(f"books leave {self.tower.lay_books(mels.to(self.tower.books.device)):.1%}", flush=True)
        ends = torch.tensor([end for _, _, end in made])
        begins = torch.arange(-(-(mels.shape[1] // 4) // 4)) * ROW_SECONDS
        known = begins >= ends[:, None]
        known[:, -1] = True
        return mels, [facts for _, facts, _ in made], known

    def seen(self, given: Tensor) -> tuple[Tensor, Tensor]:
        return self.tower.heard(given)

    def slots(self, rows: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        owner = known.nonzero()[:, 0].to(rows.device)
        return rows[known.to(rows.device)][:, None], owner


def pixels_of(images: Sequence[Any]) -> Tensor:
    """Pictures of one size as the tower takes them."""
    raw = np.stack([np.asarray(one, np.float32) for one in images]) / 127.5 - 1
    return torch.from_numpy(raw).permute(0, 3, 1, 2).contiguous()


LEARNERS = {"image": Sight, "audio": Listening}
"""By the name of the sense."""
