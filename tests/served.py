"""`mimo serve` as a process of its own on a free port: what the tests of the whole talk to."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator

URL = re.compile(r"(http://\S+)/v1 ")


@contextlib.contextmanager
def served(*arguments: str, seconds: float = 60) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """(address, process) of `mimo serve` with these arguments, stopped at the end."""
    command = [sys.executable, "-m", "mimo", "serve", "--port", "0", *arguments]
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    said: list[str] = []
    found = threading.Event()

    def read() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line)
            if URL.search(line):
                found.set()
        found.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        found.wait(seconds)
        address = next((match[1] for line in said if (match := URL.search(line))), None)
        assert address, f"mimo serve did not start: {''.join(said)}"
        yield address, process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
