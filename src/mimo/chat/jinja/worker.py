"""The process in which a chat template runs: it can be killed, and has bounds of time and memory that nothing escapes.

Started by `renderer.py` as `python -m mimo.chat.jinja.worker SECONDS BYTES`. On its standard input come messages of
eight bytes of length and MessagePack: first the source of the template, then the variables of each rendering; one
answer follows each. A template that computes for too long ends the process by SIGPROF. Knows no message and no token.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import BinaryIO

import msgspec
from jinja2 import Template

from mimo.chat.jinja.sandbox import Sandbox, rendered

try:
    import resource
except ImportError:  # not on every system
    resource = None  # type: ignore[assignment]

_WORDS = 2000
"""Characters of a template's own error that are passed on."""
_DEEP = 3000
"""Calls within calls: what Jinja's compiler needs for the deepest expression that a template may hold."""


class _Mapping(dict[str, object]):
    """An object of a client's: a template that prints it as it is gets JSON, which is what models read."""

    def __repr__(self) -> str:
        return json.dumps(self, ensure_ascii=False)

    __str__ = __repr__


class _List(list[object]):
    """A list of a client's, printed as JSON too."""

    def __repr__(self) -> str:
        return json.dumps(self, ensure_ascii=False)

    __str__ = __repr__


def printable(value: object) -> object:
    """`value` with every mapping and list in it made one that is printed as JSON."""
    if isinstance(value, dict):
        return _Mapping((key, printable(item)) for key, item in value.items())
    return _List(map(printable, value)) if isinstance(value, list) else value


def main(seconds: float, memory: int) -> None:
    """Answer until the standard input ends. `seconds` of processor for each answer, `memory` in bytes for the whole."""
    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not stand among the answers
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    sys.setrecursionlimit(_DEEP)
    source = msgspec.msgpack.decode(received(asked), type=str)
    with _Limited(seconds):
        template = None
        try:
            template = Sandbox().compiled(source)
            answer: dict[str, object] = {}
        except (ValueError, MemoryError, RecursionError) as problem:
            answer = {"problem": str(problem) or f"the chat template does not compile: {type(problem).__name__}"}
    send(answers, answer)
    while template is not None and (body := received(asked)):
        with _Limited(seconds):
            answer = _answer(template, body)
        del body
        send(answers, answer)


def _answer(template: Template, body: bytes) -> dict[str, object]:
    try:
        values = printable(msgspec.msgpack.decode(body))
        assert isinstance(values, dict)
        output = rendered(template, values, len(body))
        output.encode()
        return {"output": output}
    except MemoryError:
        return {"problem": "the template takes too much memory", "spent": True}
    except UnicodeEncodeError as problem:
        return {"problem": f"the template writes the lone surrogate U+{ord(problem.object[problem.start]):04X}"}
    except Exception as problem:  # a template can raise anything that Python can
        words = str(problem).encode(errors="replace").decode()
        return {"problem": words[:_WORDS] or type(problem).__name__}


class _Limited:
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


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
