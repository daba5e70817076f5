"""Our end of a process that does untrusted work (`worker.py`): started when it is wanted, killed when it must be.

Whatever the work does, asking ends: with an answer, or with what became of the process. One question at a time; the
caller sees to that. Knows no work.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
import weakref
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Literal

import msgspec


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one question: `seconds` of processor, `memory` in bytes of the whole process (Python's own 60 MB too), and
    `patience`, seconds on the clock after which a process that has not answered is given up."""

    seconds: float = 5.0
    memory: int = 512 * 2**20
    patience: float = 60.0


class Died(Exception):
    """The process gave no answer and is gone. `cause`: it computed for too long, the patience was spent, it crashed, or
    it was closed."""

    def __init__(self, cause: Literal["time", "patience", "crash", "closed"]) -> None:
        super().__init__(cause)
        self.cause = cause


class Process:
    """`python -m MODULE SECONDS BYTES`."""

    def __init__(self, module: str, bounds: Bounds) -> None:
        self._module = module
        self.bounds = bounds
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    @property
    def running(self) -> bool:
        """Whether there is a process that can be asked."""
        return self._process is not None

    @property
    def pid(self) -> int | None:
        """Its number, where it runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start a process. Raises `Died` once closed."""
        if self._closed:
            raise Died("closed")
        command = [sys.executable, "-X", "utf8", "-m", self._module]
        kept = {name: os.environ[name] for name in ("TZ", "SYSTEMROOT") if name in os.environ}  # no key of anybody's
        self._process = subprocess.Popen(
            [*command, str(self.bounds.seconds), str(self.bounds.memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**kept, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # Ctrl-C is for the server
        )
        self._end_it = weakref.finalize(self, _end, self._process)  # one that nobody closed; at the end of Python too

    def ask(self, message: bytes) -> dict[str, object]:
        """The answer of the running process. Raises `Died`."""
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        end = time.monotonic() + self.bounds.patience
        with suppress(BrokenPipeError):
            process.stdin.write(len(message).to_bytes(8, "big"))
            process.stdin.write(message)
            process.stdin.flush()
        head = _read(process.stdout, 8, end)
        body = _read(process.stdout, int.from_bytes(head, "big"), end) if len(head) == 8 else b""
        if not body:
            raise self._death(process)
        answer: dict[str, object] = msgspec.msgpack.decode(body)
        return answer

    def end(self) -> None:
        """End the process, if there is one; `start` makes another."""
        if self._process is not None:
            self._process = None
            self._end_it()

    def close(self) -> None:
        """Kill the process for good; the thread that waits for its answer sees it end. Idempotent, from any thread."""
        self._closed = True
        if (process := self._process) is not None:
            process.kill()

    def _death(self, process: subprocess.Popen[bytes]) -> Died:
        with suppress(subprocess.TimeoutExpired):
            process.wait(1.0)  # it is dead already, of a cause worth knowing, or it hangs
        self.end()
        if self._closed:
            return Died("closed")
        code = process.returncode
        return Died("time" if code == -signal.SIGPROF else "patience" if code == -signal.SIGKILL else "crash")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is None:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        with suppress(OSError):
            if stream is not None:
                stream.close()


def _read(stream: IO[bytes], size: int, end: float) -> bytes:
    """`size` bytes of `stream`, fewer when it ends or the time is up."""
    parts: list[bytes] = []
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while size and selector.select(max(0.0, end - time.monotonic())):
            part = os.read(stream.fileno(), min(size, 1 << 20))
            if not part:
                break
            parts.append(part)
            size -= len(part)
    return b"".join(parts) if not size else b""
