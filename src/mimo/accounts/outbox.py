"""Rows on their way to the store: in memory, and in a file that outlives the process.

A row is in the file before its request is forgotten, without waiting for a disk or a database; the file is emptied
once the store has its rows. What a process that was killed leaves is found by its lock, which is free, and written by
another. A machine that loses power may lose what the system had not written yet. Knows no store.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import msgspec

from mimo.accounts.row import Row

log = logging.getLogger("mimo.accounts")
MOST = 200_000
"""Rows kept in memory while the store is out of reach; further ones are in the file alone until the next start."""
_LARGE = 4 * 2**20
"""Bytes of a file that is written anew without the rows that the store has, although rows keep coming."""
_ENDING = ".rows"


class Outbox:
    """Rows of the process `worker`, in `folder`. `add` is for the event loop, the rest for the thread that writes."""

    def __init__(self, folder: Path, worker: str) -> None:
        self._path = folder / f"{worker}{_ENDING}"
        self._lock = threading.Lock()
        self._rows: deque[Row] = deque()
        self._in_file_alone = 0
        self._file: int | None = None
        self._failed = False
        self._size = 0

    def open(self) -> None:
        """Make the file, unless it is there. Where that fails rows are kept in memory alone, and the log says so."""
        if self._file is not None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = _locked_file(self._path, b"")
        except OSError as problem:
            self._say(problem)

    def add(self, row: Row) -> None:
        """Keep `row` until the store has it."""
        with self._lock:
            written = self._write(row)
            if len(self._rows) < MOST:
                self._rows.append(row)
            elif written:
                self._in_file_alone += 1
            else:
                log.error("accounts: the row of request %s is lost: no store, no disk, memory is full", row.request_id)

    def __len__(self) -> int:
        return len(self._rows) + self._in_file_alone

    def first(self, most: int) -> list[Row]:
        """The oldest rows."""
        with self._lock:
            return list(islice(self._rows, most))

    def done(self, count: int) -> None:
        """The store has the oldest `count` rows."""
        with self._lock:
            for _ in range(count):
                self._rows.popleft()
            if self._file is None or self._in_file_alone:
                return
            try:
                if not self._rows:
                    os.ftruncate(self._file, 0)
                    self._size, self._failed = 0, False
                elif self._size > _LARGE:
                    self._rewrite()
            except OSError as problem:
                self._say(problem)

    def close(self) -> None:
        """Remove the file if nothing is in it."""
        with self._lock:
            if self._file is None:
                return
            if not len(self):
                self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None

    def _write(self, row: Row) -> bool:
        if self._file is None:
            return False
        line = msgspec.json.encode(row) + b"\n"
        try:
            if os.write(self._file, line) < len(line):
                os.write(self._file, b"\n")  # a line that was cut short is no row
                raise OSError("it is full")
        except OSError as problem:
            self._say(problem)
            return False
        self._size += len(line)
        return True

    def _rewrite(self) -> None:
        content = b"".join(msgspec.json.encode(row) + b"\n" for row in self._rows)
        fresh = _locked_file(self._path, content)
        assert self._file is not None
        os.close(self._file)
        self._file, self._size = fresh, len(content)

    def _say(self, problem: OSError) -> None:
        if not self._failed:
            words = problem.strerror or str(problem)
            log.error("accounts: %s cannot be written (%s): rows are in memory alone", self._path, words.lower())
        self._failed = True


def left_behind(folder: Path) -> Iterator[tuple[str, list[Row]]]:
    """The workers that have ended without writing all their rows, and those rows. Once the next worker is asked for,
    the file of the last is removed."""
    for path in sorted(folder.glob(f"*{_ENDING}")):
        try:
            file = os.open(path, os.O_RDWR)
        except OSError:
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.stat(path).st_ino != os.fstat(file).st_ino:
                continue  # written anew meanwhile
            yield path.name.removesuffix(_ENDING), list(_rows(path))
            path.unlink(missing_ok=True)
        except OSError:
            continue  # a worker that lives
        finally:
            os.close(file)


def _rows(path: Path) -> Iterator[Row]:
    """What can be read: the last line of a process that was killed may be half a row."""
    for line in path.read_bytes().splitlines():
        with suppress(msgspec.MsgspecError):
            yield msgspec.json.decode(line, type=Row)


def _locked_file(path: Path, content: bytes) -> int:
    """A new file at `path` with `content`, whole and locked from the moment on at which others can see it. One that was
    there before stays where that fails."""
    hidden = path.with_suffix(".new")
    file = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        while content:
            content = content[os.write(file, content) :]
        os.rename(hidden, path)
    except OSError:
        os.close(file)
        hidden.unlink(missing_ok=True)
        raise
    return file
