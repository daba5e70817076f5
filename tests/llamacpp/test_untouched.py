"""A context that nobody used yet costs no memory, and its pages read as zeros all the same."""

from __future__ import annotations

import ctypes as c
import subprocess
import sys

import pytest

from mimo.llamacpp.library import Library
from mimo.llamacpp.untouched import untouched

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pages are given back on Linux only")
OPEN = """
from mimo.engines.local.model.model import LocalModel
from mimo.engines.local.model.options import ModelOptions
from mimo.llamacpp.library import Library
from mimo.nano import gguf_path

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) // 1024

library = Library()
before = peak()
model = LocalModel(library, gguf_path(), ModelOptions(slots=32))
opened = peak() - before
model.decode_prompt(0, [20] * 64, 0, last=True)
print(opened, peak() - before, model.context_window)
"""

DROPPED = """
import numpy as np
from mimo.engines.local.model.model import LocalModel
from mimo.engines.local.model.options import ModelOptions
from mimo.llamacpp.cells import drop_zeros
from mimo.llamacpp.library import Library
from mimo.nano import gguf_path

def logits(window):
    model = LocalModel(Library(), gguf_path(), ModelOptions(slots=16, context_window=window))
    found = [model.decode_prompt(slot, [20 + slot] * 64, 0, last=True).copy() for slot in range(16)]
    found.append(model.decode_step(range(16), [9] * 16, [64] * 16, [True] * 16).copy())
    model.close()
    return model.dropped, np.concatenate(found)

given, with_it = logits(0)
nothing, without = logits(4096)  # too small a cache to be worth it
print(given, nothing, drop_zeros(12345, []), np.array_equal(with_it, without))
"""


def test_slots_that_nobody_used_are_not_resident() -> None:
    """Nano has 5,760 bytes a token: 32 slots would be 720 MB at a window of 4,096, 5.9 GB at 32,768."""
    done = subprocess.run([sys.executable, "-c", OPEN], capture_output=True, text=True, timeout=120, check=True)
    opened, used, _ = map(int, done.stdout.split())
    assert opened < 150, "MB at the peak of opening"
    assert used < 200, "MB after 64 tokens"


@pytest.mark.parametrize("size", [(1 << 20) + 1, 5 << 20, (1 << 21) + 4097])
@pytest.mark.parametrize("value", [0, 7])
def test_a_buffer_cleared_by_giving_pages_back_reads_as_it_was_cleared(size: int, value: int) -> None:
    library = Library()
    clear = c.CDLL(str(library.path)).ggml_backend_buffer_clear
    clear.argtypes, clear.restype = (c.c_void_p, c.c_uint8), None
    with untouched(library):
        buffer = library.ggml_backend_buft_alloc_buffer(library.ggml_backend_cpu_buffer_type(), size)
    base = library.ggml_backend_buffer_get_base(buffer)
    size = library.ggml_backend_buffer_get_size(buffer)
    c.memset(base, 0xA5, size)
    clear(buffer, value)
    assert c.string_at(base, size) == bytes([value]) * size
    library.ggml_backend_buffer_free(buffer)


def test_the_bookkeeping_of_tokens_that_are_not_there_is_not_resident_and_works() -> None:
    """36 bytes a token in each of two caches, but for what lies in pages shared with something else."""
    done = subprocess.run([sys.executable, "-c", DROPPED], capture_output=True, text=True, timeout=120, check=True)
    given, small, other, same = done.stdout.split()
    assert int(given) > 0.7 * 2 * 36 * 16 * 32768
    assert int(small) == 0
    assert int(other) == 0, "nothing has so many cells"
    assert same == "True"


def test_outside_of_opening_a_context_nothing_is_changed() -> None:
    library = Library()
    kind = library.ggml_backend_cpu_buffer_type()
    before = c.string_at(kind, 64)
    with untouched(library):
        assert c.string_at(kind, 64) != before
    assert c.string_at(kind, 64) == before
