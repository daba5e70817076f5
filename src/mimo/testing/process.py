"""`mimo serve` as a process of its own on a free port, for as long as a `with` block runs. Knows no test framework."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import mimo

if TYPE_CHECKING:
    from mimo.engines.scripted.script import Script

_URL = re.compile(r"(http://\S+)/v1\b")
_STOP_SECONDS = 60.0
"""How long a server may take to stop before it is killed; on an idle machine it takes a fraction of a second."""


class DidNotStart(RuntimeError):
    """The server ended, or said no address in time; the message has what it printed."""


class Served(NamedTuple):
    """A running server: its address without a path, and its process."""

    url: str
    process: subprocess.Popen[str]

    @property
    def base_url(self) -> str:
        """What SDKs of OpenAI want."""
        return f"{self.url}/v1"


@contextlib.contextmanager
def served(
    *arguments: str,
    script: Script | Path | str | None = None,
    seconds: float = 300.0,
    program: Sequence[str] = ("-m", "mimo"),
) -> Iterator[Served]:
    """A server that runs until the block ends: `mimo serve` with these arguments, on a free port of this machine.

    Without arguments it serves nano; a settings file of the person's own is not read, unless `MIMO_CONFIG` names one.
    `script`: play a script instead, a `Script` or a file. `seconds`: how long it may
    take until it answers. `program`: what Python runs in place of mimo's own command line. Raises `DidNotStart`.
    """
    with contextlib.ExitStack() as stack:
        if script is not None:
            arguments = ("--engine", "scripted", "--script", str(_file(script, stack)), *arguments)
        process = stack.enter_context(_process(program, arguments))
        yield Served(_address(process, seconds), process)


def _file(script: Script | Path | str, stack: contextlib.ExitStack) -> Path:
    if isinstance(script, str | Path):
        return Path(script)
    import msgspec

    path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mimo-"))) / "script.json"
    path.write_bytes(msgspec.json.encode(script))
    return path


@contextlib.contextmanager
def _process(program: Sequence[str], arguments: tuple[str, ...]) -> Iterator[subprocess.Popen[str]]:
    here = str(Path(mimo.__file__).parents[1])  # this mimo and no other, also where it is not installed
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    environment = {"MIMO_CONFIG": os.devnull, **os.environ, "PYTHONPATH": path, "COLUMNS": "200", "NO_COLOR": "1"}
    command = [sys.executable, *program, "serve", "--port", "0", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def _address(process: subprocess.Popen[str], seconds: float) -> str:
    """The address that the server prints once it answers. What it prints after that is read and dropped."""
    lines: list[str] = []
    addresses: list[str] = []
    done = threading.Event()

    def read() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            if addresses:
                continue
            lines.append(line)
            if match := _URL.search(line):
                addresses.append(match[1])
                done.set()
        done.set()

    threading.Thread(target=read, daemon=True).start()
    done.wait(seconds)
    if not addresses:
        raise DidNotStart(f"mimo serve did not start: {''.join(lines).strip() or f'no word in {seconds:g} seconds'}")
    return addresses[0]
