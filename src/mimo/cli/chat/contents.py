"""What is in a file that a person names: of a regular one, as long as it may be, without waiting for anything.

A device has no end, and a pipe may have nobody who writes. Knows no format.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def contents(path: Path, most: int) -> bytes:
    """The bytes of `path`. Raises `OSError`, also for what is no regular file or has more than `most` bytes."""
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "not a regular file")
        found = file.read(most + 1)
    if len(found) > most:
        raise OSError(errno.EFBIG, f"more than {most // 10**6} MB")
    return found


def why(problem: OSError) -> str:
    """What went wrong, in words."""
    return (problem.strerror or str(problem)).lower()
