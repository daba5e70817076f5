"""Runs `mimo ARGUMENTS` many times without importing it each time: a process that forks for every run.

As a script it reads lines of JSON, {"arguments": […], "seconds": n}, and answers each with {"status", "output",
"errors"}; the status is negative for a signal, null for a run that took too long. Knows no case.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """How a run ended: `status` as the shell's, negative for a signal, None for one that hung."""

    status: int | None
    output: str
    errors: str


class Zygote:
    """A running zygote. Use it as a context manager; `run` may be called from one thread only."""

    def __enter__(self) -> Zygote:
        environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-m", "tests.attack.zygote"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)

    def run(self, *arguments: str, seconds: float = 30) -> Run:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({"arguments": arguments, "seconds": seconds}) + "\n")
        self._process.stdin.flush()
        return Run(**json.loads(self._process.stdout.readline()))


def main() -> None:
    import mimo.engines.local.engine
    import mimo.serving.engine  # noqa: F401
    from mimo.cli.main import main as command

    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        asked = json.loads(line)
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            child = os.fork()
            if not child:
                os.setsid()
                nothing = os.open(os.devnull, os.O_RDONLY)
                for number, file in ((0, nothing), (1, output.fileno()), (2, errors.fileno())):
                    os.dup2(file, number)
                sys.argv = ["mimo", *asked["arguments"]]
                try:
                    command()
                except SystemExit as end:
                    status = end.code if isinstance(end.code, int) else int(end.code is not None)
                except BaseException:
                    import traceback

                    traceback.print_exc()
                    status = 1
                else:
                    status = 0
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
            ended = _waited(child, asked["seconds"])
            time.sleep(0.05)  # last words come from a process of their own
            texts = []
            for written in (output, errors):
                written.seek(0)
                texts.append(written.read().decode(errors="replace"))
        answers.write(json.dumps({"status": ended, "output": texts[0], "errors": texts[1]}) + "\n")
        answers.flush()


def _waited(child: int, seconds: float) -> int | None:
    """The status of `child`; None, and it is killed, when it takes longer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


if __name__ == "__main__":
    main()
