"""Clients that are not ours, each installed once into `.cache/clients` in a pinned version.

Where a package cannot be had the test is skipped, and says why.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CACHE = Path(__file__).parents[2] / ".cache/clients"
SECONDS = 600


def npm(*packages: str) -> Path:
    """A folder with `node_modules` that holds `packages`, each written name@version."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not here")
    command = ["npm", "install", "--no-audit", "--no-fund", "--no-save"]
    return _installed(packages, lambda folder: [[*command, "--prefix", str(folder), *packages]])


def pip(*packages: str) -> Path:
    """The Python of a virtual environment that holds `packages`, each written name==version."""
    folder = _installed(
        packages,
        lambda folder: [
            [sys.executable, "-m", "venv", str(folder)],
            [str(folder / "bin/python"), "-m", "pip", "install", "-q", *packages],
        ],
    )
    return folder / "bin/python"


def _installed(packages: tuple[str, ...], commands: Callable[[Path], list[list[str]]]) -> Path:
    folder = CACHE / packages[0].strip("@").replace("/", "-").replace("==", "-")
    done = folder / "installed"
    if done.exists() and done.read_text().split() == list(packages):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for command in commands(folder):
        try:
            finished = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            pytest.skip(f"installing {packages} took more than {SECONDS} seconds")
        if finished.returncode:
            pytest.skip(f"{packages} cannot be installed: {(finished.stdout + finished.stderr)[-500:]}")
    done.write_text("\n".join(packages))
    return folder
