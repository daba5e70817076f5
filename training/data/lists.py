"""Lists written as running text, which is easier to read and to add to. Knows nothing else."""

from __future__ import annotations


def words(text: str) -> list[str]:
    """Words parted by blanks."""
    return text.split()


def texts(text: str) -> list[str]:
    """Texts parted by `|`."""
    return text.split("|")
