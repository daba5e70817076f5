"""The shipped model: where its GGUF lies. Knows nothing of engines; how it is made is in `training/`."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

__all__ = ["NAME", "gguf_path"]

NAME = "mimo-nano"
"""The name in its header, by which servers say that it answers."""


def gguf_path() -> Path:
    """The GGUF in this package, as a real file (the package is never installed as a zip)."""
    return Path(str(files(__package__).joinpath("nano.gguf")))
