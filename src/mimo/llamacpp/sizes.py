"""How much memory a model and its context would take, without taking it.

llama.cpp loads the header alone and opens a context whose buffers are not there; its log says how large they would be.
Knows nothing of how much there is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mimo.llamacpp.header import ContextParams, ModelParams
from mimo.llamacpp.library import Library

_READ = 0  # member of llama_load_mode: neither mapped nor anything else that needs the weights' own bytes
_CACHE = re.compile(r"\bsize = +([\d.]+) MiB \( *\d+ cells")
_COMPUTE = re.compile(r"(?:compute|output) buffer size = +([\d.]+) MiB")


@contextmanager
def unread(library: Library, path: Path, params: ModelParams) -> Iterator[int | None]:
    """The model at `path` without its weights, for the block; None where it is refused: `library.errors` says why."""
    params.no_alloc, params.load_mode = True, _READ
    model: int | None = library.llama_model_load_from_file(str(path).encode(), params)
    try:
        yield model
    finally:
        if model:
            library.llama_model_free(model)


def sizes(library: Library, model: int, params: ContextParams) -> tuple[int, int]:
    """(bytes of the KV cache and of recurrent states, bytes to compute in) of a context of an `unread` model."""
    lines: list[str] = []
    Library.notes = lines.append
    try:
        context: int | None = library.llama_init_from_model(model, params)
    finally:
        Library.notes = None
    if context:
        library.llama_free(context)
    return _sum(_CACHE.findall, lines), _sum(_COMPUTE.findall, lines)


def _sum(found: Callable[[str], list[str]], lines: list[str]) -> int:
    return int(sum(float(size) for line in lines for size in found(line)) * 2**20)
