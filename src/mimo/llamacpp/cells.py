"""Gives back the memory of a new KV cache's bookkeeping that holds nothing but zeros, on Linux.

llama.cpp keeps 52 bytes for each token that a cache could hold, 36 of them zero until one does: 75 MB for nano's 32
sequences of 32,768 tokens in two caches, all of it written at the start. The lists are found by their sizes, which no
other four neighbours have: one object holds a C++ vector of each of `_VECTORS` a cell, one after the other. Where they
are not found, nothing is done.
"""

from __future__ import annotations

import mmap
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from mimo.llamacpp.untouched import Range, give_back

_VECTORS = (4, 12, 4, 32)
"""Bytes for a cell: of its position, of what belongs to it, of how far it is to be moved, of the sequences it is in."""
_WORDS = 3 * len(_VECTORS)
"""A vector is three addresses: where it begins and ends, and where its room ends."""
_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw-p \S+ \S+ 0\s*(\[heap\])?$")
_AT_ONCE = 2 << 20


def drop_zeros(cells: int, apart_from: Sequence[Range]) -> int:
    """Give back the zeros of every cache with `cells` cells; how many bytes. `apart_from`: buffers not to search.

    All reading is done by the kernel, which fails softly where memory went meanwhile.
    """
    given = 0
    if sys.platform == "linux":
        with suppress(OSError), open("/proc/self/mem", "rb", buffering=0) as memory:
            lists = _lists(memory.fileno(), cells, apart_from)
            given = sum(give_back(begin, end) for begin, end in lists if _is_zero(memory.fileno(), begin, end))
    return given


def _is_zero(memory: int, begin: int, end: int) -> bool:
    """Whether the memory between two addresses is zero, and is what malloc gave when asked for that much."""
    words = np.frombuffer(os.pread(memory, end - begin + 8, begin - 8), np.uint64)
    size = int(words[0]) & ~7  # the word before holds the size of the chunk, and flags
    return 0 < size - (end - begin) <= mmap.PAGESIZE + 16 and not words[1:].any()


def _lists(memory: int, cells: int, apart_from: Sequence[Range]) -> list[Range]:
    """Where the lists of every cache lie."""
    found: set[Range] = set()
    for begin, end in _resident(apart_from):
        for at in range(begin, end, _AT_ONCE):
            with suppress(OSError):
                data = os.pread(memory, min(_AT_ONCE + 8 * _WORDS, end - at), at)
                found.update(_in_words(np.frombuffer(data, np.uint64), cells))
    return sorted(found)


def _resident(apart_from: Sequence[Range]) -> Iterator[Range]:
    """The writable memory that belongs to no file and is not empty, without those buffers."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        mappings = [(int(found[1], 16), int(found[2], 16)) for line in maps if (found := _MAPPING.match(line.rstrip()))]
    with open("/proc/self/pagemap", "rb", buffering=0) as pages:
        for begin, end in mappings:
            for first, last in sorted(apart_from):
                if begin < last and first < end:
                    yield from _present(pages.fileno(), begin, max(begin, first))
                    begin = min(last, end)
            yield from _present(pages.fileno(), begin, end)


def _present(pages: int, begin: int, end: int) -> Iterator[Range]:
    """The runs of resident pages between two addresses."""
    size = mmap.PAGESIZE
    flags = np.frombuffer(os.pread(pages, (end - begin) // size * 8, begin // size * 8), np.uint64) >> np.uint64(63)
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0)) * size + begin
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _in_words(words: NDArray[np.uint64], cells: int) -> Iterator[Range]:
    """Where the vectors lie of every cache that is whole among `words`."""
    steps = words[1:] - words[:-1]
    for last in np.flatnonzero(steps == np.uint64(_VECTORS[-1] * cells)):
        first = last + 3 - _WORDS
        if first < 0 or last + 3 > len(words):
            continue
        vectors = words[first : last + 3].reshape(-1, 3).tolist()
        if all(
            end - begin == size * cells and end == room
            for size, (begin, end, room) in zip(_VECTORS, vectors, strict=True)
        ):
            yield from ((begin, end) for begin, end, _ in vectors)
