"""What a command is, and the conversation that commands act on. Knows no single command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mimo.cli.chat.attach import media, words
from mimo.cli.chat.connect import Partner
from mimo.cli.chat.conversation import Conversation
from mimo.cli.chat.wrap import visible
from mimo.contract.errors import StartError
from mimo.contract.models import Model


class Wrong(StartError):
    """A command that cannot be done: one line."""


@dataclass(slots=True)
class Session:
    """What the commands act on. `ask`: send `conversation` and show the answer. `thoughts`: those of the last one."""

    partner: Partner
    conversation: Conversation
    console: Console
    ask: Callable[[], Awaitable[None]]
    thoughts: str = ""
    attached: list[dict[str, Any]] = field(default_factory=list)
    """Pictures and sounds that go with the next message."""
    draft: str = ""
    """Text that the next prompt begins with."""
    leaving: bool = False

    @property
    def row(self) -> Model:
        """The contract of the model that is asked."""
        return self.partner.row(self.conversation.model)

    def question(self, text: str) -> None:
        """Add a message of the person's, with what is attached."""
        content = [*self.attached, {"type": "text", "text": text}] if self.attached else text
        self.attached = []
        self.conversation.messages.append({"role": "user", "content": content})

    def give_back(self) -> str:
        """Take the last question back, which got no answer: its text, and what went with it is attached again."""
        content = (self.conversation.undo() or {}).get("content")
        self.attached = media(content)
        return words(content)

    def table(self, rows: Iterable[tuple[str, ...]]) -> None:
        """Rows of words: the first column stands out, the last one is wrapped."""
        grid = Table.grid(padding=(0, 2, 0, 0))
        for row in rows:
            grid.add_row(Text(visible(row[0]), "bold"), *(Text(visible(word), "dim") for word in row[1:]))
        self.console.print(grid)

    def say(self, text: str | Text) -> None:
        """A line or more that is no answer."""
        self.console.print(Text(visible(text), "dim") if isinstance(text, str) else text)


@dataclass(frozen=True, slots=True)
class Command:
    """`run(session, argument)` does it. `usage`: what may follow the name; `words`: the same, to complete it."""

    help: str
    run: Callable[[Session, str], Awaitable[None]]
    usage: str = ""
    words: Callable[[Session, str], Iterable[tuple[str, str]]] = lambda session, before: ()
    lines: bool = False
    """Whether its argument may have several lines."""


def switch_of(argument: str, otherwise: bool, allowed: str = "on or off") -> bool:
    """What `on`, `off` or nothing at all asks for. Raises `Wrong`."""
    if argument not in ("", "on", "off"):
        raise Wrong(f"must be {allowed}, got {argument!r}")
    return argument == "on" if argument else otherwise


def fixed(*words: str) -> Callable[[Session, str], Iterable[tuple[str, str]]]:
    """A completion with the same words always."""
    return lambda session, before: ((word, "") for word in words)


def path_of(argument: str) -> Path:
    """A file as a person names it. Raises `Wrong` for what is no name."""
    try:
        if "\0" not in argument:
            return Path(argument).expanduser()
    except RuntimeError:  # nobody is called so
        pass
    raise Wrong(f"{argument} is no name of a file")
