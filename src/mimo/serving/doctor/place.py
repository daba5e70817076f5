"""Where a server would listen and what it would write."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mimo.config import Settings
from mimo.contract.errors import StartError
from mimo.engines.local.model.memory import as_text
from mimo.folders import data_folder
from mimo.sampling.native import folders
from mimo.serving.doctor.base import Finding
from mimo.serving.granian import check_exposure, listen

_LITTLE_SPACE = 500_000_000


def data(settings: Settings) -> Iterator[Finding]:
    """The folder of files, batches and accounts."""
    folder = settings.data_dir or data_folder()
    if why := _not_writable(folder):
        yield Finding("wrong", f"{folder}: {why}", "name another with --data-dir, or give it to this user")
        return
    free = shutil.disk_usage(_there(folder)).free
    said = f"{folder} can be written; {as_text(free)} free on its disk"
    if free > _LITTLE_SPACE:
        yield Finding("ok", said)
    else:
        yield Finding("note", said, "make room: files and batches of clients are kept there")


def cache(_: Settings) -> Iterator[Finding]:
    """Where the machine code of the sampler is kept from one start to the next."""
    tried = list(folders())
    kept = next((folder for folder in tried if not _not_writable(folder)), None)
    if kept is not None:
        yield Finding("ok", f"{kept} can be written")
    else:
        said = f"the sampler is compiled at every start: none can be written of {', '.join(map(str, tried))}"
        yield Finding("note", said, "name a folder that can: NUMBA_CACHE_DIR=/some/folder")


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


def _there(folder: Path) -> Path:
    """`folder`, or of those above it the first that there is."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _not_writable(folder: Path) -> str:
    """Why nothing can be written into `folder`, which need not be there yet; "" if something can."""
    try:
        with tempfile.TemporaryFile(dir=_there(folder.absolute())):
            return ""
    except OSError as problem:
        return os.strerror(problem.errno or 0).lower()
