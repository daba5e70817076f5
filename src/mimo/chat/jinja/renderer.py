"""A chat template in a process of its own (`worker.py`), which is started again when it had to be killed.

Whatever a template does, rendering ends: with its output, with the template's own refusal, or at a bound. One rendering
at a time; from any thread. Knows no message and no token.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

import msgspec

_LARGE = 4 * 2**20
"""Bytes of a message after which the process is replaced, since it would keep the memory."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one rendering: `seconds` of processor, `memory` in bytes of the whole process (Python's own 60 MB too), and
    `patience`, seconds on the clock after which a process that has not answered is given up."""

    seconds: float = 5.0
    memory: int = 512 * 2**20
    patience: float = 60.0


class TemplateRefusal(Exception):
    """The template raised: its own words. `bound`: it ran into one, and the process is gone."""

    def __init__(self, words: str, bound: bool = False) -> None:
        super().__init__(words)
        self.bound = bound


class Renderer:
    """The template `source`. Raises ValueError with one line if it does not compile within `bounds`."""

    def __init__(self, source: str, bounds: Bounds | None = None) -> None:
        self._source = source
        self._bounds = bounds or Bounds()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        try:
            self._start()
        except TemplateRefusal as problem:
            raise ValueError(str(problem)) from None

    def render(self, variables: Mapping[str, object]) -> str:
        """The output for `variables` (plain JSON values). Raises `TemplateRefusal`."""
        message = msgspec.msgpack.encode(variables)
        with self._lock:
            process = self._process or self._start()
            answer = self._asked(process, message)
            output = answer.get("output")
            if answer.get("spent") or len(message) > _LARGE or len(str(output)) > _LARGE:
                self._end()
        if not isinstance(output, str):
            raise TemplateRefusal(str(answer.get("problem")))
        return output

    def close(self) -> None:
        """End the process, and with it what it renders. Idempotent, from any thread."""
        self._closed = True
        if (process := self._process) is not None:
            process.kill()  # the thread that waits for its answer sees it end
        with self._lock:
            self._end()

    def _start(self) -> subprocess.Popen[bytes]:
        if self._closed:
            raise TemplateRefusal("the server is shutting down", bound=True)
        bounds = self._bounds
        command = [sys.executable, "-X", "utf8", "-m", "mimo.chat.jinja.worker"]
        kept = {name: os.environ[name] for name in ("TZ", "SYSTEMROOT") if name in os.environ}  # no key of anybody's
        self._process = process = subprocess.Popen(
            [*command, str(bounds.seconds), str(bounds.memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**kept, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # Ctrl-C is for the server
        )
        self._end_it = weakref.finalize(self, _end, process)  # a format that nobody closed; at the end of Python too
        answer = self._asked(process, msgspec.msgpack.encode(self._source))
        if problem := answer.get("problem"):
            self._end()
            raise TemplateRefusal(str(problem))
        return process

    def _asked(self, process: subprocess.Popen[bytes], message: bytes) -> dict[str, object]:
        assert process.stdin is not None and process.stdout is not None
        end = time.monotonic() + self._bounds.patience
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

    def _death(self, process: subprocess.Popen[bytes]) -> TemplateRefusal:
        """What to say of a process that gave no answer."""
        with suppress(subprocess.TimeoutExpired):
            process.wait(1.0)  # it is dead already, of a cause worth knowing, or it hangs
        self._end()
        if self._closed:
            return TemplateRefusal("the server is shutting down", bound=True)
        if process.returncode == -signal.SIGPROF:
            words = f"the template takes more steps than {self._bounds.seconds:g} seconds of processor allow"
        elif process.returncode == -signal.SIGKILL:
            words = f"the template gave no answer in {self._bounds.patience:g} seconds"
        else:
            words = "the template is too much for its process, which died"
        return TemplateRefusal(words, bound=True)

    def _end(self) -> None:
        if self._process is not None:
            self._process = None
            self._end_it()


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
