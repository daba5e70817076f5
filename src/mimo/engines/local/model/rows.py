"""The rows of one call as llama.cpp reads them: token (or embedding), position, sequence, and whether it gives logits.

Memory that is made once and filled for every call. Knows no model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from mimo.llamacpp.header import Batch


class Rows:
    """Room for `most` rows; `native` is what llama.cpp gets."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._tokens = np.zeros(most, np.int32)
        self._positions = np.zeros(4 * most, np.int32)  # of embeddings in a model with M-RoPE there are four
        self._wanted = np.zeros(most, np.int8)
        self._ones = np.ones(most, np.int32)
        self._slots = np.zeros(most, np.int32)
        size = self._slots.itemsize
        self._slot_pointers = self._slots.ctypes.data + size * np.arange(most, dtype=np.uintp)
        self.native = Batch(
            0,
            self._tokens.ctypes.data,
            None,
            self._positions.ctypes.data,
            self._ones.ctypes.data,
            self._slot_pointers.ctypes.data,
            self._wanted.ctypes.data,
        )

    def fill_prompt(self, slot: int, tokens: Sequence[int], positions: NDArray[np.int32], wanted: range) -> None:
        """A chunk of one sequence at `positions` [count], or [4, count] for M-RoPE; the `wanted` rows give logits.
        `tokens`: none where the rows are `embedded`."""
        count = positions.shape[-1]
        self._tokens[: len(tokens)] = tokens
        self._positions[: positions.size] = positions.reshape(-1)
        self._slots[:count] = slot
        self._wanted[:count] = 0
        self._wanted[wanted.start : wanted.stop] = 1
        self.native.n_tokens = count

    def fill_step(
        self, slots: Sequence[int], tokens: Sequence[int], positions: Sequence[int], wanted: Sequence[bool]
    ) -> None:
        """A token in each of `slots`."""
        count = len(slots)
        self._slots[:count] = slots
        self._tokens[:count] = tokens
        self._positions[:count] = positions
        self._wanted[:count] = wanted
        self.native.n_tokens = count

    @contextmanager
    def embedded(self, rows: NDArray[np.float32]) -> Iterator[None]:
        """Within it calls read `rows` [count, width] in place of tokens; a call has ids or embeddings, never both."""
        self.native.token, self.native.embd = None, rows.ctypes.data
        try:
            yield
        finally:
            self.native.token, self.native.embd = self._tokens.ctypes.data, None

    @property
    def slots(self) -> tuple[int, ...]:
        """The sequence of every row."""
        return tuple(self._slots[: self.native.n_tokens].tolist())
