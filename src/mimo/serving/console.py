"""What the process says to the person who started it: on stderr, a line a fact.

Markup and highlighting are off, since names and paths are printed and may hold any character. Knows no settings.
"""

from __future__ import annotations

from rich.console import Console
from rich.text import Text


def log_console(*, quiet: bool = False) -> Console:
    """A console on stderr that prints text as it is and leaves the wrapping of long lines to the terminal."""
    return Console(stderr=True, markup=False, highlight=False, soft_wrap=True, quiet=quiet)


def say_error(message: str) -> None:
    """One line that a person can act on."""
    log_console().print(Text.assemble(("mimo:", "red"), " ", message))
