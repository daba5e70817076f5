"""What a draft is. Knows no model: a guess costs next to nothing, and verifying it is the scheduler's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence as Tokens

from mimo.engines.local.sequence import Slot
from mimo.sampling import Sampler

MOST = 16
"""Tokens of a guess: attention computes calls of 64 rows and more another way."""


class Draft(ABC):
    """Guesses for the choices that `sampler` draws."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler

    @abstractmethod
    def tokens(self, slot: Slot) -> Tokens[int]:
        """What may follow the newest token of the slot's sequence; empty where nothing is worth a guess."""
