"""Batches on disk: a record each, the lines that are done, a mark when it shall end, and a lock for who runs it.

Several processes may share the folder: the one that holds the lock of a batch runs it and writes its record, and the
lock of a process that dies is free. Knows no HTTP and no engine.
"""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from mimo.api.batches.batch import Batch, Line, new_batch, read_lines
from mimo.api.batches.files import Files, replace_file
from mimo.contract.errors import NotFound, shown

_ID = re.compile(r"batch_[0-9a-f]{32}")


class Done(msgspec.Struct):
    """As much of a finished line as is read again."""

    custom_id: str


class Store:
    """Files and batches below `folder`. All methods block for as long as the disk does."""

    def __init__(self, folder: Path) -> None:
        self.files = Files(folder / "files")
        self._folder = folder / "batches"

    def create(
        self, endpoint: str, file_id: str, window: str, owner: str, engine: str, metadata: dict[str, str] | None = None
    ) -> Batch:
        """A batch of the file's lines, failed where the file is wrong. Raises `NotFound`, `InvalidRequest`."""
        content = self.files.content(self.files.get(file_id, owner))
        batch = new_batch(endpoint, file_id, window, owner, engine, metadata)
        lines, batch.errors = read_lines(content, endpoint)
        batch.total = len(lines)
        batch.move("failed" if batch.errors else "in_progress")
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.save(batch)
        return batch

    def save(self, batch: Batch) -> None:
        """Write the record."""
        replace_file(self._path(batch.id, "json"), msgspec.json.encode(batch))

    def get(self, batch_id: str, owner: str) -> Batch:
        """One of `owner`'s. Raises `NotFound`."""
        batch = self._read(self._path(batch_id, "json")) if _ID.fullmatch(batch_id) else None
        if batch is None or batch.owner != owner:
            raise NotFound(f"there is no batch {shown(batch_id)}")
        return batch

    def listed(self, owner: str | None = None) -> list[Batch]:
        """Those of `owner`, or all of them; the newest first."""
        found = (self._read(path) for path in self._folder.glob("batch_*.json"))
        batches = (one for one in found if one is not None and owner in (None, one.owner))
        return sorted(batches, key=lambda one: (-one.created_at, one.id))

    def wire(self, batch: Batch) -> dict[str, object]:
        """OpenAI's batch object."""
        return batch.wire(self.cancelled(batch))

    def cancel(self, batch: Batch) -> None:
        """Mark that it shall end."""
        self._path(batch.id, "cancel").touch()

    def cancelled(self, batch: Batch) -> bool:
        """Whether it shall end."""
        return self._path(batch.id, "cancel").exists()

    @contextmanager
    def locked(self, batch: Batch) -> Iterator[Batch | None]:
        """The batch as it stands now, to be run by nobody else; None where somebody runs it or it has ended."""
        with open(self._path(batch.id, "lock"), "wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield None
                return
            now = self._read(self._path(batch.id, "json"))
            yield None if now is None or now.ended else now

    def left(self, batch: Batch) -> list[Line]:
        """The lines without a result; what is done is counted in `batch`."""
        lines, _ = read_lines(self.files.path(batch.input_file_id).read_bytes(), batch.endpoint)
        succeeded, failed = (self._done(batch, good) for good in (True, False))
        batch.completed, batch.failed = len(succeeded), len(failed)
        return [line for line in lines if line.custom_id not in succeeded | failed]

    def add_result(self, batch: Batch, result: bytes, good: bool) -> None:
        """Append the result of one line."""
        with open(self._results(batch, good), "ab") as file:
            file.write(result + b"\n")

    def finish(self, batch: Batch, status: str) -> None:
        """End it: its results become files of the client's."""
        for good, kind in ((True, "output"), (False, "error")):
            path = self._results(batch, good)
            if path.exists():
                stored = self.files.add(path.read_bytes(), f"{batch.id}_{kind}.jsonl", "batch_output", batch.owner)
                setattr(batch, f"{kind}_file_id", stored.id)
        batch.move(status)
        self.save(batch)
        for path in (self._results(batch, True), self._results(batch, False), self._path(batch.id, "lock")):
            path.unlink(missing_ok=True)

    def _done(self, batch: Batch, good: bool) -> set[str]:
        """The custom ids of finished lines. A last line that was cut short, as a crash leaves it, is taken away."""
        path = self._results(batch, good)
        with suppress(FileNotFoundError), open(path, "r+b") as file:
            content = file.read()
            whole = content.rfind(b"\n") + 1
            if whole < len(content):
                file.truncate(whole)
            rows = content[:whole].splitlines()
            return {msgspec.json.decode(row, type=Done).custom_id for row in rows}
        return set()

    def _results(self, batch: Batch, good: bool) -> Path:
        return self._path(batch.id, "output" if good else "error")

    def _path(self, batch_id: str, kind: str) -> Path:
        return self._folder / f"{batch_id}.{kind}"

    def _read(self, path: Path) -> Batch | None:
        try:
            return msgspec.json.decode(path.read_bytes(), type=Batch)
        except (OSError, msgspec.MsgspecError):
            return None
