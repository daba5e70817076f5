"""Compiles a grammar on trial, in a process of its own, which may take too long, use too much memory or crash.

llguidance bounds the size of a grammar and the work of a mask, but not all of the work of compiling: sixty patterns
that must all match keep it busy for ever, a thousand references in a row overflow its stack. Nothing can interrupt it
in a thread, so the operating system does: by a timer of processor time, so that a busy machine refuses nothing. The
processes are kept for the next grammar, a few at most. Knows no vocabulary, no schema and no request.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO, cast

from mimo.child.worker import give_way
from mimo.constraints.cache import digest

SECONDS = 2.0
"""Processor time of one trial."""
MEMORY = 1 << 30
"""Bytes of address space of a process, where the system keeps to it (Linux does)."""
_TRIALS = 2
"""Trials at once; more wait."""
_ERROR = 300
"""Characters of the library's errors that are passed on."""
STACK = 2 << 20
"""Bytes of stack a trial may use: less than any thread of the server has, so that what passes is safe there."""
_ACCEPTED = 4096
"""Digests of accepted grammars that are kept."""
TOO_MUCH = f"compiling it takes more than {SECONDS:g} seconds of processor time, or too much memory; make it simpler"


class Trials:
    """The processes of this one. Safe to call from any thread; never from the event loop."""

    def __init__(self) -> None:
        self._idle: list[subprocess.Popen[bytes]] = []
        self._places = threading.Semaphore(_TRIALS)
        self._accepted: dict[bytes, None] = {}

    def problem(self, grammar: str) -> str:
        """Why `grammar` (Lark) does not compile, in one line; "" if it does, which is remembered by a digest."""
        key = digest(grammar)
        if key in self._accepted:
            return ""
        if not (words := self._try(grammar)):
            self._accepted[key] = None
            while len(self._accepted) > _ACCEPTED:
                self._accepted.pop(next(iter(self._accepted)), None)
        return words

    def _try(self, grammar: str) -> str:
        with self._places:
            process = self._running() or _start()
            assert process.stdin is not None and process.stdout is not None
            answer = None
            with suppress(OSError):
                _send(process.stdin, grammar.encode())
                answer = _receive(process.stdout)
            if answer is None:
                _end(process)
                return TOO_MUCH
            self._idle.append(process)
            return answer.decode()

    def _running(self) -> subprocess.Popen[bytes] | None:
        with suppress(IndexError):
            while (process := self._idle.pop()).poll() is not None:
                _end(process)
            return process
        return None

    def close(self) -> None:
        """End the processes; the next trial starts another."""
        while self._idle:
            _end(self._idle.pop())

    def forget(self) -> None:
        """This process was forked: the others are its parent's."""
        self._idle, self._places = [], threading.Semaphore(_TRIALS)


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "mimo.constraints.trial"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C ends the server, and the server ends this
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    with suppress(OSError):
        process.communicate()


def _send(pipe: IO[bytes], data: bytes) -> None:
    pipe.write(len(data).to_bytes(8, "big") + data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes | None:
    """What the other side sent, None if it has ended."""
    head = pipe.read(8)
    return pipe.read(int.from_bytes(head, "big")) if len(head) == 8 else None


def _controls() -> list[str]:
    """The control tokens that a grammar may name."""
    from mimo.calls import FORMATS

    return sorted({name for row in FORMATS for name in row.markers})


class _Bytes:
    """A vocabulary of single bytes and the control tokens that a grammar may name, as the library wants one."""

    eos_token_id, bos_token_id = 256, None

    def __init__(self) -> None:
        self.tokens = [*(bytes([byte]) for byte in range(256)), b"<end>", *(name.encode() for name in _controls())]
        self.special_token_ids = [*range(256, len(self.tokens))]

    def __call__(self, text: bytes) -> list[int]:
        return list(text)


def _serve() -> None:
    """Compile what comes, until nothing more does."""
    import resource

    from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

    give_way()
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    tokenizer = LLTokenizer(TokenizerWrapper(_Bytes()))
    while (data := _receive(cast(IO[bytes], sys.stdin.buffer))) is not None:
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # its signal ends the process
        matcher = LLMatcher(tokenizer, LLMatcher.grammar_from_lark(data.decode()), log_level=0)
        words = matcher.get_error() if matcher.is_error() else ""
        signal.setitimer(signal.ITIMER_PROF, 0)
        _send(cast(IO[bytes], sys.stdout.buffer), " ".join(words.split())[:_ERROR].encode())


trials = Trials()
atexit.register(trials.close)
os.register_at_fork(after_in_child=trials.forget)

if __name__ == "__main__":
    threading.stack_size(STACK)
    threading.Thread(target=_serve).start()
