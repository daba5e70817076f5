"""One call of llama.cpp: by how many threads, how long it took, and who sees it.

Knows rows and no request. Only one thread may use it at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mimo.contract.errors import EngineError
from mimo.engines.local.model.options import DecodeCall, ModelOptions
from mimo.engines.local.model.rows import Rows
from mimo.engines.local.model.threads import Threads
from mimo.llamacpp.library import Library

LONG = 0.003
"""Seconds of `threads` that make a call long: it may use the core that short ones leave to the server."""


class Calls:
    """Calls in one `context`, with as many threads as `options` allow and the past ones were worth."""

    def __init__(self, library: Library, context: int, options: ModelOptions) -> None:
        self._library = library
        self._context = context
        self._options = options
        self._chooser = Threads(options.wall)
        self._spent: dict[int, float] = {}  # seconds of one thread that a call took lately, by the bits of its rows
        self.threads = options.threads
        """How many computed the last call."""

    def decode(self, rows: Rows, *, step: bool, steady: bool) -> None:
        """Compute `rows`. `step`: they go on with answers; `steady`: a single row has the same bits every time. Raises
        `EngineError`."""
        count, options = rows.native.n_tokens, self._options
        size = count.bit_length()
        counts = self._counts(size)
        if steady and count == 1:  # threads share the attention of a single row: always as many
            counts = (options.threads,)
        self._use_threads(self._chooser.choose(count, counts))
        begun, used = options.wall(), options.clock()
        status = self._library.llama_decode(self._context, rows.native)
        seconds, spent = options.wall() - begun, (options.clock() - used) * self.threads
        self._chooser.took(count, counts, self.threads, seconds)
        # one slow call, the first say, is not the rule
        self._spent[size] = 0.8 * self._spent.get(size, 0.0) + 0.2 * spent
        if options.observer is not None:
            options.observer(DecodeCall(rows.slots, step, self.threads, seconds))
        if status:
            raise EngineError(f"llama_decode failed with {status} on {count} rows")

    @contextmanager
    def uncausal(self, on: bool) -> Iterator[None]:
        """While this is open the rows of a call see those after them, if `on`."""
        if on:
            self._library.llama_set_causal_attn(self._context, False)
        try:
            yield
        finally:
            if on:
                self._library.llama_set_causal_attn(self._context, True)

    def _counts(self, size: int) -> tuple[int, ...]:
        """How many threads may compute a call of about this size, ascending."""
        few, many = self._options.threads, max(self._options.threads, self._options.long_threads)
        if few == many:
            return (few,)
        long = self._spent.get(size, 0.0) > LONG * few
        return tuple(sorted({1, few, many // 2 or 1, many} if long else {1, few}))

    def _use_threads(self, threads: int) -> None:
        if threads != self.threads:
            self._library.llama_set_n_threads(self._context, threads, threads)
            self.threads = threads
