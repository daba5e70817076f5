"""Where a server would listen and what it would write."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator

from mimo.config import Settings
from mimo.contract.errors import StartError
from mimo.engines.local.memory import as_text
from mimo.folders import data_folder
from mimo.serving.doctor.base import Finding
from mimo.serving.granian import check_exposure, listen

_LITTLE_SPACE = 500_000_000


def data(settings: Settings) -> Iterator[Finding]:
    """The folder of files, batches and accounts; one that is not there yet can be made where its parent is writable."""
    folder = settings.data_dir or data_folder()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as problem:
        why = os.strerror(problem.errno or 0).lower()
        yield Finding(
            "wrong", f"{folder} cannot be written: {why}", "name another with --data-dir, or give it to this user"
        )
        return
    free = shutil.disk_usage(there).free
    said = f"{folder} can be written; {as_text(free)} free on its disk"
    if free > _LITTLE_SPACE:
        yield Finding("ok", said)
    else:
        yield Finding("note", said, "make room: files and batches of clients are kept there")


def listening(settings: Settings) -> Iterator[Finding]:
    """Whether the address is free, and whether a server there would want keys."""
    try:
        listen(settings.host, settings.port).close()
    except StartError as problem:
        yield Finding("wrong", str(problem), "stop what listens there, or take another: --port 0 takes a free one")
        return
    port = f"port {settings.port} is free" if settings.port else "a free port will be taken"
    yield Finding("ok", f"{settings.host}: {port}")
    try:
        check_exposure(settings.api_keys, settings.host, settings.insecure)
    except StartError as problem:
        yield Finding("note", str(problem), "or make a key with mimo keys add, if none was made yet")
