"""Files that clients have sent or may fetch: two files each in one folder, content and what is known of it.

Whoever sent a file is the only one to see it: `owner` is the digest of the API key in hex, "" on an open server. Knows
no batch and no HTTP.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import msgspec

from mimo.contract.errors import NotFound, RequestTooLarge, shown

MOST_BYTES = 4 * 2**30
"""Bytes of all files together."""
MOST_FILES = 10_000
_ID = re.compile(r"file-[0-9a-f]{32}")


class Stored(msgspec.Struct, frozen=True):
    """What is known of a file. `size` in bytes; times in seconds since 1970; `expires` None: never."""

    id: str
    filename: str
    purpose: str
    size: int
    created: int
    owner: str
    expires: int | None = None

    def wire(self) -> dict[str, object]:
        """OpenAI's file object."""
        return {
            "id": self.id, "object": "file", "bytes": self.size, "created_at": self.created,
            "filename": self.filename, "purpose": self.purpose, "status": "processed", "expires_at": self.expires,
        }  # fmt: skip


class Files:
    """The files in `folder`, which is made when the first one comes. All methods block for as long as the disk does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, content: bytes, filename: str, purpose: str, owner: str, expires_after: int | None = None) -> Stored:
        """Keep `content`. Raises `RequestTooLarge` when the folder is full."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        known = self._all()
        if len(known) >= MOST_FILES or sum(one.size for one in known) + len(content) > MOST_BYTES:
            words = f"files may take {MOST_BYTES} bytes and be {MOST_FILES} in all; delete some first"
            raise RequestTooLarge(words)
        now = int(time.time())
        expires = None if expires_after is None else now + expires_after
        stored = Stored(f"file-{os.urandom(16).hex()}", filename, purpose, len(content), now, owner, expires)
        replace_file(self.path(stored.id), content)
        replace_file(self._folder / f"{stored.id}.json", msgspec.json.encode(stored))
        return stored

    def listed(self, owner: str) -> list[Stored]:
        """Those of `owner`, the newest first."""
        return [one for one in self._all() if one.owner == owner]

    def get(self, file_id: str, owner: str) -> Stored:
        """One of `owner`'s. Raises `NotFound`."""
        if _ID.fullmatch(file_id):
            try:
                stored = self._read(self._folder / f"{file_id}.json")
            except OSError:
                stored = None
            if stored is not None and stored.owner == owner:
                return stored
        raise NotFound(f"there is no file {shown(file_id)}")

    def content(self, stored: Stored) -> bytes:
        """What is in it. Raises `NotFound` when it was deleted meanwhile."""
        try:
            return self.path(stored.id).read_bytes()
        except OSError:
            raise NotFound(f"there is no file {shown(stored.id)}") from None

    def delete(self, stored: Stored) -> None:
        """Forget it. Idempotent."""
        (self._folder / f"{stored.id}.json").unlink(missing_ok=True)
        self.path(stored.id).unlink(missing_ok=True)

    def path(self, file_id: str) -> Path:
        """Where its content is."""
        return self._folder / f"{file_id}.data"

    def _all(self) -> list[Stored]:
        found = (self._read(path) for path in self._folder.glob("file-*.json"))
        return sorted((one for one in found if one is not None), key=lambda one: (-one.created, one.id))

    def _read(self, path: Path) -> Stored | None:
        """None where it has expired, which deletes it, or is gone."""
        try:
            stored = msgspec.json.decode(path.read_bytes(), type=Stored)
        except (OSError, msgspec.MsgspecError):
            return None
        if stored.expires is not None and stored.expires <= time.time():
            self.delete(stored)
            return None
        return stored


def replace_file(path: Path, content: bytes) -> None:
    """Write a file that is there as a whole or not at all."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    with open(new, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
