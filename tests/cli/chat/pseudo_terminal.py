"""`mimo chat` in a shell on a terminal of its own: what is typed, what is shown, what is left for the shell."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

PASTE, PASTED = "\x1b[200~", "\x1b[201~"
_SHELL = '"$@"; echo "status $?"; stty -a; stty -icanon -echo min 0 time 5; echo "left: $(cat)."; echo done'
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_=>]|\][^\x07]*\x07)|\r")


class Shell:
    """A shell that runs `mimo chat`. `shown`: all that it printed, escape sequences included."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        command = [sys.executable, "-m", "mimo", "chat", *arguments]
        self.shown = ""
        self._seen = 0
        self.folder = folder
        extra = {"TERM": "xterm", "XDG_DATA_HOME": str(folder / "data"), **environment}
        self.child, self._file = pty.fork()
        if self.child == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
            os.execvpe("sh", ["sh", "-c", _SHELL, "sh", *command], {**os.environ, **extra})

    def type(self, keys: str) -> None:
        """Send keys, all at once; the terminal's buffer is small, so that much is sent as it is read."""
        data = keys.encode("utf-8", "surrogateescape")
        while data:
            self._read(0.0)
            data = data[os.write(self._file, data[:512]) :]

    def send(self, text: str) -> None:
        """A line as a person types it: Enter comes after the text, and not in one piece with it."""
        self.type(text)
        time.sleep(0.5)
        self.type("\r")

    def wait_for(self, text: str, seconds: float = 60.0) -> str:
        """What was shown since the last call up to and with `text`, without escape sequences."""
        end = time.monotonic() + seconds
        while True:
            plain = self.plain
            place = plain.find(text, self._seen)
            if place >= 0:
                found, self._seen = plain[self._seen : place + len(text)], place + len(text)
                return found
            if time.monotonic() > end or not self._read(1.0, end):
                raise AssertionError(f"{text!r} was not shown after {plain[self._seen :]!r}")

    @property
    def plain(self) -> str:
        """All that was shown, without escape sequences."""
        return _ESCAPE.sub("", self.shown)

    def take(self) -> None:
        """Take what is shown by now."""
        self._read(0.0)

    def ready(self) -> None:
        """Wait for an empty prompt."""
        self.wait_for("Ask something, or /help")

    def saved(self) -> dict:
        """The conversation as /save writes it."""
        path = self.folder / f"{time.monotonic_ns()}.json"
        self.send(f"/save {path}")
        self.wait_for("saved in")
        self.ready()
        return json.loads(path.read_text())

    def leave(self) -> tuple[int, str]:
        """(exit status of the chat, what the shell found of the input) once it has ended, the terminal as it was."""
        self.wait_for("status ")
        status = int(self.wait_for("\n"))
        settings = self.wait_for("left: ").split()
        assert {"icanon", "isig", "echo", "icrnl"} <= set(settings), "the terminal is not as it was"
        return status, self.wait_for(".\ndone").removesuffix(".\ndone")

    def _read(self, wait: float, end: float | None = None) -> bool:
        """Take what is shown; False when the shell has ended."""
        if select.select([self._file], [], [], wait)[0]:
            try:
                data = os.read(self._file, 65536)
            except OSError:
                return False
            self.shown += data.decode(errors="replace")
            return bool(data)
        return True

    def close(self) -> None:
        """End whatever still runs on this terminal."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child, signal.SIGKILL)
        os.close(self._file)
        os.waitpid(self.child, 0)


@contextlib.contextmanager
def shell(folder: Path, *arguments: str, **environment: str) -> Iterator[Shell]:
    """A chat that is ready, in `folder`."""
    made = Shell(folder, *arguments, **environment)
    try:
        yield made
    finally:
        made.close()
