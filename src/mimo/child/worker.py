"""The inside of a process that may be killed at any time, with bounds of time and memory that nothing in it escapes.

On its standard input come messages of eight bytes of length and MessagePack; one answer follows each. What computes for
too long ends the process by SIGPROF. Knows no work.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

import msgspec

NICENESS = 5
"""Of such a process: the server's own threads get three times as much of a processor that both want."""

try:
    import resource
except ImportError:  # not on every system
    resource = None  # type: ignore[assignment]  # a module or nothing


def streams() -> tuple[BinaryIO, BinaryIO]:
    """Where the messages come from and the answers go; whatever prints from here on does not stand among these."""
    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return asked, answers


def give_way() -> None:
    """Let the server's threads, whose streams run, have the processor first."""
    with suppress(AttributeError, OSError):  # not on every system
        os.nice(NICENESS)


def bound(memory: int, *, files: bool = True) -> None:
    """Bounds that hold from now on: `memory` in bytes of the whole process, no core dumps, the server's threads first,
    and without `files` no file or socket can be opened."""
    give_way()
    if resource is None:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    if not files:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def serve(asked: BinaryIO, answers: BinaryIO, seconds: float, answer: Callable[[bytes], object]) -> None:
    """Answer until the messages end; `seconds` of processor for each."""
    while body := received(asked):
        with Limited(seconds):
            found = answer(body)
        del body
        send(answers, found)


class Limited:
    """Ends the process when what is inside has computed for `seconds`."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __enter__(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, self.seconds)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)


def received(stream: BinaryIO) -> bytes:
    """The next message, empty at the end of the stream."""
    head = stream.read(8)
    size = int.from_bytes(head, "big")
    body = stream.read(size) if len(head) == 8 else b""
    return body if len(body) == size else b""


def send(stream: BinaryIO, message: object) -> None:
    """Write `message`."""
    body = msgspec.msgpack.encode(message)
    stream.write(len(body).to_bytes(8, "big"))
    stream.write(body)
    stream.flush()
