"""Keeps memory that a context reserves and has not used out of the machine's RAM, on Linux.

llama.cpp writes zeros over a new KV cache, and so makes every page of it resident before the first token is there: for
32 sequences of 32,768 tokens that is 6 GB and seconds. New pages read as zeros anyway. So while a context is opened,
large buffers are cleared in another way: their pages are given back to the system, which is the same to every reader.
It knows two of ggml's structs, finds their members by their values, and does nothing where it does not find them.
"""

from __future__ import annotations

import ctypes as c
import mmap
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mimo.llamacpp.library import Library

_LEAST = 1 << 20  # bytes of a buffer that is worth it
_ALLOCATE = 1  # member of ggml_backend_buffer_type: after get_name
_MEMBERS = 24  # pointers of ggml_backend_buffer that are looked through
_DONTNEED = 4
_Word = c.c_size_t
_Clear = c.CFUNCTYPE(None, c.c_void_p, c.c_uint8)
_Allocate = c.CFUNCTYPE(c.c_void_p, c.c_void_p, c.c_size_t)
Range = tuple[int, int]
"""Two addresses: of the first byte, and behind the last."""
_kept: list[Any] = []  # callbacks whose addresses buffers have, for as long as the process lives


@contextmanager
def untouched(library: Library) -> Iterator[list[Range]]:
    """While this is open, new buffers in host memory are cleared without being touched. Gives a list of their places,
    complete at the end."""
    found: list[Range] = []
    kind: int = library.ggml_backend_cpu_buffer_type()
    place = _clear_member(library, kind) if sys.platform == "linux" else None
    if place is None:
        yield found
        return

    def clear_untouched(buffer: int, value: int) -> None:
        base: int = library.ggml_backend_buffer_get_base(buffer)
        size: int = library.ggml_backend_buffer_get_size(buffer)
        found.append((base, base + size))
        _fill(base, size, value)

    clear = _Clear(clear_untouched)
    _kept.append(clear)
    slot = _Word.from_address(kind + _ALLOCATE * c.sizeof(_Word))
    ours, theirs = c.cast(clear, c.c_void_p).value, slot.value
    original = _Allocate(theirs)

    def allocate(of: int, size: int) -> int | None:
        buffer: int | None = original(of, size)
        if buffer and ours and size >= _LEAST:
            _Word.from_address(buffer + place * c.sizeof(_Word)).value = ours
        return buffer

    mine = _Allocate(allocate)
    slot.value = c.cast(mine, c.c_void_p).value or theirs
    try:
        yield found
    finally:
        slot.value = theirs


def _clear_member(library: Library, kind: int) -> int | None:
    """Which member of a buffer is its `clear`: two before its type, which base and size follow. None: not found."""
    size = 3 * mmap.PAGESIZE + 5
    buffer: int | None = library.ggml_backend_buft_alloc_buffer(kind, size)
    if not buffer:
        return None
    members = (_Word * _MEMBERS).from_address(buffer)
    marks = [kind, library.ggml_backend_buffer_get_base(buffer), size]
    found = [at for at in range(2, _MEMBERS - 3) if list(members[at : at + 3]) == marks]
    library.ggml_backend_buffer_free(buffer)
    return found[0] - 2 if len(found) == 1 else None


def _fill(base: int, size: int, value: int) -> None:
    """Fill a buffer with `value`; with zero by giving its whole pages back."""
    if value or not (given := give_back(base, base + size)):
        c.memset(base, value, size)
        return
    first = -base % mmap.PAGESIZE
    c.memset(base, 0, first)
    c.memset(base + first + given, 0, size - first - given)


def give_back(begin: int, end: int) -> int:
    """Give the whole pages between two addresses back to the system: they read as zeros. How many bytes they had."""
    first = -(-begin // mmap.PAGESIZE) * mmap.PAGESIZE
    size = end // mmap.PAGESIZE * mmap.PAGESIZE - first
    system = c.CDLL(None)
    if size <= 0 or system.madvise(c.c_void_p(first), c.c_size_t(size), _DONTNEED):
        return 0
    return size
