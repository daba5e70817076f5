"""Reading a GGUF's header before llama.cpp loads it, so that a broken file is one clear line and not an abort.

llama.cpp's own reader (`gguf_*`) parses; this file only asks it and compares with the size on disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from mimo.contract.errors import EngineError
from mimo.llamacpp.header import GgufInitParams
from mimo.llamacpp.keys import Keys
from mimo.llamacpp.library import Library
from mimo.llamacpp.sanity import fault

MAGIC = b"GGUF"


@dataclass(frozen=True, slots=True)
class Header:
    """What the header says; `digest` is a short hash of size and header bytes, which names the weights; `types`: the
    numbers that ggml has for the types of its tensors."""

    architecture: str
    name: str | None
    digest: str
    types: frozenset[int]


def read_header(library: Library, path: Path) -> Header:
    """Check and read the header of `path`. Raises `EngineError` with the file and the reason."""
    with open_header(library, path) as (context, digest):
        keys = Keys(library, context)
        architecture = keys.text("general.architecture")
        if not architecture:
            raise EngineError(f"{path}: its header names no general.architecture")
        if (wrong := fault(keys, architecture)) is not None:
            raise EngineError(f"{path}: {wrong}")
        tensors = range(library.gguf_get_n_tensors(context))
        types = frozenset(library.gguf_get_tensor_type(context, index) for index in tensors)
        return Header(architecture, keys.text("general.name"), digest, types)


@contextmanager
def open_header(library: Library, path: Path) -> Iterator[tuple[int, str]]:
    """The header of `path`, open, and its digest; every tensor lies within the file. Raises `EngineError`."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(1 << 16)
    except OSError as problem:
        raise EngineError(f"{path}: {problem.strerror or problem}") from problem
    if start[:4] != MAGIC:
        raise EngineError(f"{path}: not a GGUF file (it begins with {start[:4]!r}, not {MAGIC!r})")
    library.errors.clear()
    context = library.gguf_init_from_file(str(path).encode(), GgufInitParams(no_alloc=True, ctx=None))
    if not context:
        reason = "; ".join(library.errors) or "its header cannot be read"
        raise EngineError(f"{path}: corrupt or truncated GGUF ({reason})")
    try:
        _check_extent(library, context, path, size)
        yield context, sha256(str(size).encode() + start).hexdigest()[:12]
    finally:
        library.gguf_free(context)


def _check_extent(library: Library, context: int, path: Path, size: int) -> None:
    """Every tensor must lie within the file."""
    data = library.gguf_get_data_offset(context)
    for index in range(library.gguf_get_n_tensors(context)):
        end = data + library.gguf_get_tensor_offset(context, index) + library.gguf_get_tensor_size(context, index)
        if end > size:
            name = library.gguf_get_tensor_name(context, index).decode(errors="replace")
            raise EngineError(f"{path}: truncated; tensor {name} ends at byte {end} and the file has {size}")
