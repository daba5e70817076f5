"""llama.cpp's library and the model file, tried in a process of their own: either may end it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from mimo.config import Settings
from mimo.nano import gguf_path
from mimo.serving.doctor.base import Finding

_SECONDS = 60.0
_DO = "name another file with --model, or another build with --llama-library; or install mimo again"
_TRY = "import sys; from mimo.serving.doctor.library import tried; print(tried(*sys.argv[1:]))"


def library(settings: Settings) -> Iterator[Finding]:
    """Whether it loads and reads the model's header; only where the engine is in this process."""
    if settings.engine != "local":
        return
    model = settings.model or gguf_path()
    command = [sys.executable, "-c", _TRY, str(settings.llama_library or ""), str(model)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        yield Finding("wrong", f"did not load {model} within {_SECONDS:g} seconds", "try again, or another file")
        return
    if done.returncode == 0:
        yield from (Finding("ok", line) for line in done.stdout.splitlines())
    elif done.returncode == -signal.SIGILL:
        yield Finding(
            "wrong",
            "the library wants instructions that this processor lacks",
            "build llama.cpp here and name it with --llama-library, or use an upstream",
        )
    else:
        said = done.stderr.strip().rpartition("\n")[2].removeprefix("mimo.contract.errors.EngineError: ")
        yield Finding("wrong", said or f"the library ended with status {done.returncode}", _DO)


def tried(library: str, model: str) -> str:
    """Load the library and read the header of `model`; what was found. Raises `EngineError`."""
    from mimo.llamacpp.gguf import read_header
    from mimo.llamacpp.library import Library

    opened = Library(Path(library) if library else None)
    header = read_header(opened, Path(model))
    gpu = "with" if opened.llama_supports_gpu_offload() else "without"
    size = Path(model).stat().st_size / 1e6
    return f"{opened.path} loads, {gpu} a GPU\n{model} reads: {header.architecture}, {size:,.0f} MB"
