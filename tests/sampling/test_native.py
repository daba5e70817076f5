"""The kernel is compiled once, in a process of its own; who samples never loads the compiler."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

WARM = """
import sys
from mimo.sampling import warm

warm()
print("numba" in sys.modules)
"""


def warmed(**environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", WARM], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip() + done.stderr.strip()


def test_the_kernel_is_compiled_once_and_the_compiler_never_loaded(tmp_path: Path) -> None:
    first = warmed(NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert first.startswith("False") and "once on this machine" in first, "it takes ten seconds, and nobody knows why"
    (kept,) = (tmp_path / "cache").iterdir()
    assert kept.stat().st_mode & 0o044 == 0o044, "made by one user, it is no use to another"
    written = kept.stat().st_mtime_ns
    assert warmed(NUMBA_CACHE_DIR=str(tmp_path / "cache")) == "False"
    assert [file.stat().st_mtime_ns for file in (tmp_path / "cache").iterdir()] == [written]


def test_a_kernel_that_cannot_be_kept_is_compiled_again_and_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    output = warmed(NUMBA_CACHE_DIR=str(tmp_path / "file"))
    assert output.startswith("False")
    assert "compiled at every start" in output
