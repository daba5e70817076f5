"""What the sequences of a context have in memory: cut, copied, saved, brought back.

KV cells, and the state of recurrent layers where a model has them. Only one thread may use it at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mimo.heap import trim
from mimo.llamacpp.library import Library
from mimo.llamacpp.untouched import give_back


class KvCache:
    """The memory of `slots` sequences in `context`. `rewindable`: tokens can be taken back from their ends; `buffers`:
    (begin, end) of the addresses that it lies in."""

    def __init__(
        self, library: Library, context: int, slots: int, rewindable: bool, buffers: Sequence[tuple[int, int]]
    ) -> None:
        self._library = library
        self._context = context
        self._memory = library.llama_get_memory(context)
        self._slots = slots
        self._rewindable = rewindable
        self._buffers = buffers

    def truncate(self, slot: int, length: int) -> bool:
        """Forget what `slot` has from position `length` on; False if this model cannot (recurrent state)."""
        done: bool = self._library.llama_memory_seq_rm(self._memory, slot, length, -1)
        return done

    def copy(self, source: int, target: int) -> None:
        """Give `target` all that `source` has."""
        if not self._rewindable:  # a recurrent state would be shared
            self.restore(target, self.state(source))
            return
        self._library.llama_memory_seq_rm(self._memory, target, -1, -1)
        self._library.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def state_size(self, slot: int, *, end_only: bool = False) -> int:
        """Bytes that `state` would have."""
        size: int = self._library.llama_state_seq_get_size_ext(self._context, slot, end_only)
        return size

    def state(self, slot: int, *, end_only: bool = False) -> NDArray[np.uint8]:
        """A copy of what `slot` has; `end_only`: of what only its end has, recurrent state and sliding windows."""
        state = np.empty(self.state_size(slot, end_only=end_only), np.uint8)
        self._library.llama_state_seq_get_data_ext(self._context, state.ctypes.data, state.nbytes, slot, end_only)
        return state

    def restore(self, slot: int, state: NDArray[np.uint8], *, end_only: bool = False) -> bool:
        """Give `slot` what `state` is a copy of, from any slot; False if there is no room. With `end_only` the
        rest stays, and is to be truncated to as many tokens as the state has seen."""
        if not end_only:
            self.truncate(slot, -1)
        read: int = self._library.llama_state_seq_set_data_ext(
            self._context, state.ctypes.data, state.nbytes, slot, end_only
        )
        return read == state.nbytes

    def give_back(self) -> None:
        """Give the memory of the KV cache back to the system; every slot must be empty."""
        for begin, end in self._buffers:
            give_back(begin, end)
        trim()

    def clear(self) -> None:
        """Forget everything. Slot by slot: clearing all at once would write the bookkeeping of every token."""
        for slot in range(self._slots):
            self.truncate(slot, -1)
