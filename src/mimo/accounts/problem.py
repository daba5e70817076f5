"""What can be wrong with accounts, each a line that a person can act on."""

from __future__ import annotations

from mimo.contract.errors import StartError


class KeyProblem(StartError):
    """A key that cannot be made, found or changed."""


class StoreProblem(StartError):
    """The store cannot be opened, read or written: which, and why."""
