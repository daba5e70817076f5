"""The compiled kernel as a function: machine code from a file, which is made once a machine by `build.py`.

The server that samples never imports the compiler: that is 80 MB and most of a second. Knows no sampling, only how to
make, keep, load and call one function.
"""

from __future__ import annotations

import ctypes as c
import hashlib
import importlib
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from llvmlite import binding

NAME = "mimo_sample_rows"
_NUMBERS = ("first", "end", "keep", "vocabulary", "valid", "count", "capacity", "words")
_BEFORE, _AFTER = 2, 14
"""Addresses among the arguments of `build.entry`, before the numbers and after them."""
_SILENT_SECONDS = 2.0
"""How long compiling may take without a word to the person who waits."""
log = logging.getLogger(__name__)


@cache
def load() -> Callable[..., bool]:
    """`build.entry`, which takes addresses and numbers; True when a list of offsets is full. Releases the GIL.

    Raises `RuntimeError` when called if the code failed: its arguments were wrong.
    """
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = binding.Target.from_default_triple().create_target_machine(jit=True)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
    engine.add_object_file(binding.ObjectFileRef.from_data(_code()))
    engine.finalize_object()
    arguments = [c.c_void_p] * _BEFORE + [c.c_int64] * len(_NUMBERS) + [c.c_void_p] * _AFTER
    function = c.CFUNCTYPE(c.c_int32, c.c_void_p, c.c_void_p, *arguments)(engine.get_function_address(NAME))

    where = threading.local()

    def run(*values: int) -> bool:
        try:
            full, address = where.full, where.address
        except AttributeError:
            full = where.full = (c.c_int64 * 2)()  # what it returns, and where it would say what went wrong
            address = where.address = c.addressof(full)
        if status := function(address, address + 8, *values):
            raise RuntimeError(f"the sampling kernel failed with {status}")
        return bool(full[0])

    run.engine = engine  # type: ignore[attr-defined]  # of functions; the code lives as long as it does
    return run


def _code() -> bytes:
    """The object file, from the first folder that has it; else built, and kept in the first that takes it."""
    name = f"kernel-{_key()}.o"
    for folder in folders():
        with suppress(OSError):
            return (folder / name).read_bytes()
    code = _build()
    if not any(_kept(folder / name, code) for folder in folders()):
        log.warning("the sampling kernel is compiled at every start: no folder to keep it in can be written")
    return code


def _build() -> bytes:
    """Compile in another process, or where there can be none in this one."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "mimo.sampling.build"]
    said = threading.Timer(_SILENT_SECONDS, log.warning, ("compiling the sampling kernel, once on this machine …",))
    said.daemon = True
    said.start()
    try:
        return _compiled(command, environment)
    finally:
        said.cancel()


def _compiled(command: list[str], environment: dict[str, str]) -> bytes:
    with suppress(OSError, subprocess.CalledProcessError):
        return subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=True).stdout
    log.warning("the sampling kernel could not be compiled in another process, so it is compiled in this one")
    code: bytes = importlib.import_module("mimo.sampling.build").built()
    return code


def _key() -> str:
    """Of everything that the machine code depends on."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    features = ""
    with suppress(RuntimeError):  # not known for this processor
        features = binding.get_host_cpu_features().flatten()
    facts: list[Any] = [binding.get_host_cpu_name(), features, metadata.version("numba"), metadata.version("llvmlite")]
    facts += sorted(item for item in os.environ.items() if item[0].startswith("NUMBA_CPU"))
    digest.update(repr(facts).encode())
    return digest.hexdigest()[:24]


def folders() -> Iterator[Path]:
    """Where machine code may be kept: NUMBA_CACHE_DIR, or next to this file, or in the user's cache folder."""
    if named := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(named)
        return
    yield Path(__file__).parent / "__pycache__"
    with suppress(RuntimeError):  # nobody's home
        cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
        yield (cache if cache.is_absolute() else Path.home() / ".cache") / "mimo"


def _kept(file: Path, code: bytes) -> bool:
    """Whether it could be written; it is there as a whole or not at all."""
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=file.parent, delete=False) as part:
            part.write(code)
        Path(part.name).chmod(0o644)  # one user installs, in an image say, and another serves
        Path(part.name).replace(file)
        return True
    return False
