"""What the process says to the person who started it: on stderr, a line a fact.

Markup and highlighting are off, since names and paths are printed and may hold any character. Knows no settings.
"""

from __future__ import annotations

from typing import IO, Any, cast

from rich.console import Console
from rich.text import Text

from mimo.telemetry.logs import Form, JsonConsole, one_line


def log_console(*, quiet: bool = False, lines: Form = "text") -> Console:
    """A console on stderr that prints text as it is and leaves the wrapping of long lines to the terminal. `lines`:
    json makes a record of each."""
    file = cast(IO[str], JsonConsole()) if lines == "json" else None
    return _Console(file=file, stderr=file is None, markup=False, highlight=False, soft_wrap=True, quiet=quiet)


def say_error(message: str) -> None:
    """One line that a person can act on."""
    log_console().print(Text.assemble(("mimo:", "red"), " ", _harmless(message)))


class _Console(Console):
    """Prints text that others have a hand in (names, paths, what an upstream says): no control character of it reaches
    the terminal."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*map(_printable, objects), **options)


def _printable(printed: object) -> object:
    if isinstance(printed, Text) and not printed.plain.isprintable():
        return Text(_harmless(printed.plain), printed.style)
    return _harmless(printed) if isinstance(printed, str) else printed


def _harmless(text: str) -> str:
    """`text` with its control characters escaped, but for line breaks."""
    return "\n".join(map(one_line, text.split("\n")))
