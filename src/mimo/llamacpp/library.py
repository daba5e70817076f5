"""Opens llama.cpp's C API through ctypes, and checks that the library and our structs (`header.py`) agree.

The library is the extension module of the pinned `xllamacpp` wheel, which exports the whole public API; another build
(CUDA, say) can be named instead. Nothing here knows about sequences, scheduling or sampling.
"""

from __future__ import annotations

import ctypes as c
import os
from collections import deque
from collections.abc import Callable, Mapping
from importlib import metadata, util
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from mimo.contract.errors import EngineError
from mimo.llamacpp.header import (
    CONTEXT_DEFAULTS,
    FUNCTIONS,
    MODEL_DEFAULTS,
    XLLAMACPP_VERSION,
    AbortCallback,
    LogCallback,
)

_SPINS = "2000"
"""How often a thread looks for the others before it sleeps: about 0.1 ms. The default of libgomp is 15 ms, in which a
thread that waits keeps the one it waits for off a busy processor: a call of 45 ms took 700 ms."""


class Library:
    """An opened llama.cpp. Its functions are attributes under their C names; calls release the GIL.

    llama.cpp has one log and one abort callback for the whole process, and keeps their addresses until it ends: so what
    they write to is the class's, and they are never freed.
    """

    errors: ClassVar[deque[str]] = deque(maxlen=8)
    """The newest warnings and errors of the library: a failed load is explained by its log only."""
    busy_with: ClassVar[str] = "starting"
    """What to blame in the last words of an aborted process."""
    notes: ClassVar[Callable[[str], object] | None] = None
    """Hears what the library logs for information, while somebody listens."""
    listener: ClassVar[int | None] = None
    """A descriptor that is to hear of an abort: a line, after which it need say nothing of its own."""
    _callbacks: ClassVar[list[Any]] = []

    def __init__(self, path: Path | None = None) -> None:
        """Open `path`, or the pinned wheel's. Raises `EngineError` if it cannot be opened or its structs differ."""
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)  # read when it is loaded
        os.environ.setdefault("GGML_NO_BACKTRACE", "1")  # a failed assertion would start a debugger, and may hang in it
        self.path = path or _wheel_library()
        try:
            self._library = c.CDLL(str(self.path))
        except OSError as problem:
            raise EngineError(f"llama.cpp library {self.path}: {problem}") from problem
        self.declare(FUNCTIONS)
        self._check_layout()
        if not self._callbacks:
            self._callbacks.extend((LogCallback(_on_log), AbortCallback(_on_abort)))
        self.llama_log_set(self._callbacks[0], None)
        self.ggml_set_abort_callback(self._callbacks[1])
        self.llama_backend_init()

    def declare(self, functions: Mapping[str, tuple[Any, tuple[Any, ...]]]) -> None:
        """Make `functions`, of which each has its result and its arguments, attributes. Raises `EngineError` for one
        that the library lacks."""
        try:
            for name, (result, arguments) in functions.items():
                function = getattr(self._library, name)
                function.restype, function.argtypes = result, arguments
                setattr(self, name, function)
        except AttributeError as problem:
            raise EngineError(f"llama.cpp library {self.path}: {problem}") from problem

    @property
    def log_callback(self) -> Any:
        """What the library's log is written with: for parts of it that have a log of their own."""
        return self._callbacks[0]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        raise AttributeError(f"llama.cpp function {name} is not declared in header.FUNCTIONS")

    def _check_layout(self) -> None:
        """Read the library's own default parameters through our structs."""
        version = f"library {self.path}, {_installed_version()}"
        check_defaults(self.llama_model_default_params(), MODEL_DEFAULTS, version)
        check_defaults(self.llama_context_default_params(), CONTEXT_DEFAULTS, version)


def _on_log(level: int, text: bytes | None, _: object) -> None:
    """Keep warnings and errors (levels 3 and 4; 5 continues a line), and pass on information (2) to who listens."""
    if level == 2 and text and Library.notes is not None:
        Library.notes(text.decode(errors="replace"))
    if level in (3, 4) and text:
        Library.errors.append(text.decode(errors="replace").strip())


def _on_abort(message: bytes | None) -> NoReturn:
    """llama.cpp is about to abort the process: say in one line what it was doing, and go."""
    reason = (message or b"").decode(errors="replace").strip().replace("\n", " ")
    os.write(2, f"mimo: llama.cpp gave up while {Library.busy_with}: {reason}\n".encode())
    if Library.listener is not None:
        os.write(Library.listener, b"\n")
    os._exit(70)  # EX_SOFTWARE; nothing may run after an abort


def check_defaults(struct: c.Structure, defaults: dict[str, object], version: str) -> None:
    """Raise `EngineError` naming both versions if `struct`, as the library filled it, is not what its header says."""
    for name, expected in defaults.items():
        got = getattr(struct, name)
        if got != expected:
            raise EngineError(
                f"llama.cpp ({version}) does not fit: the default of {type(struct).__name__}.{name} is {got}, and mimo "
                f"was written for xllamacpp {XLLAMACPP_VERSION}, where it is {expected}"
            )


def _installed_version() -> str:
    try:
        return f"xllamacpp {metadata.version('xllamacpp')}"
    except metadata.PackageNotFoundError:
        return "xllamacpp not installed"


def _wheel_library() -> Path:
    spec = util.find_spec("xllamacpp")
    if spec is None or not spec.submodule_search_locations:
        raise EngineError(f"the package xllamacpp is not installed; pip install xllamacpp=={XLLAMACPP_VERSION}")
    if (version := metadata.version("xllamacpp")) != XLLAMACPP_VERSION:
        raise EngineError(f"xllamacpp {version} is installed and mimo was written for {XLLAMACPP_VERSION}")
    for folder in map(Path, spec.submodule_search_locations):
        for file in sorted(folder.glob("xllamacpp*")):
            if file.suffix in (".so", ".pyd", ".dylib"):
                return file
    raise EngineError(f"the package xllamacpp has no library in {list(spec.submodule_search_locations)}")
