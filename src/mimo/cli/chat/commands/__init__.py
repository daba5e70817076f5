"""The commands of a conversation: one table. A wrong command is one line that says what is allowed.

Bounds and defaults come from the rows of the parameters. Knows no keys and no HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from types import MappingProxyType

from rich.text import Text

from mimo.cli.chat.commands import attaching, settings, turns
from mimo.cli.chat.commands.base import Command, Session, Wrong, fixed
from mimo.cli.chat.prompt import KEYS
from mimo.cli.chat.wrap import visible
from mimo.contract.errors import ApiError, StartError

__all__ = ["COMMANDS", "Session", "completions", "run", "split"]


def split(text: str) -> tuple[str, str] | None:
    """(name, argument) if `text` is a command; a message of several lines is none, whatever is in it."""
    if not text.startswith("/"):
        return None
    name, _, argument = text.partition(" ")
    known = COMMANDS.get(name[1:])
    return None if "\n" in text and not (known and known.lines) else (name[1:], argument.strip())


async def run(session: Session, name: str, argument: str) -> None:
    """Do one command, or say in a line why not."""
    try:
        if name not in COMMANDS:
            near = get_close_matches(name, COMMANDS, 1)
            meant = f"did you mean /{near[0]}? " if near else ""
            known = " ".join(f"/{one}" for one in COMMANDS)
            raise Wrong(f"there is no /{name}; {meant}Those there are: {known}. A space before / makes it a message.")
        if argument and not COMMANDS[name].usage:
            raise Wrong(f"/{name} takes nothing after it, got {argument!r}")
        await COMMANDS[name].run(session, argument)
    except (StartError, ApiError) as problem:
        session.console.print(Text(visible(str(problem)), "red"))


def completions(session: Session, before: str) -> Iterator[tuple[str, str]]:
    """The words that may come where the cursor is, `before` being what stands before it."""
    name, space, argument = before[1:].partition(" ")
    if not space:
        yield from ((f"/{one}", command.help) for one, command in COMMANDS.items())
    elif name in COMMANDS and " " not in argument:
        with suppress(StartError):  # half a name of a file
            yield from COMMANDS[name].words(session, argument)


async def _help(session: Session, _: str) -> None:
    rows = [(f"/{name} {command.usage}".rstrip(), command.help) for name, command in COMMANDS.items()]
    session.table([*rows, ("", ""), *KEYS])


async def _bye(session: Session, _: str) -> None:
    session.leaving = True


COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "help": Command("these lines", _help),
        "clear": Command("forget what was said", turns.clear),
        "undo": Command("take the last question and its answer back", turns.undo),
        "retry": Command("ask the last question again, with new draws", turns.retry),
        "system": Command(
            "show or change the system message; none removes it", settings.system, "[TEXT]", fixed("none"), lines=True
        ),
        "set": Command(
            "show or change parameters: /set temperature 0.2, /set seed default", settings.set_parameter,
            "[NAME [VALUE]]", settings.settable,
        ),
        "show": Command("model, server, system message and parameters", settings.show),
        "model": Command("list the models, or ask another", settings.model, "[ID]", settings.models),
        "save": Command("write the conversation to a file", turns.save, "FILE", turns.files),
        "load": Command("go on with a saved one", turns.load, "FILE", turns.files),
        "image": Command("send a picture with the next message", attaching.attaching("image"), "FILE", turns.files),
        "audio": Command("send a sound with the next message", attaching.attaching("audio"), "FILE", turns.files),
        "tokens": Command("colour answers by probability", settings.tokens, "[on | off]", fixed("on", "off")),
        "think": Command(
            "think before answering, for at most N tokens", settings.think,
            "[on | off | N | show]", fixed("on", "off", "default", "show"),
        ),
        "bye": Command("leave", _bye),
    }
)  # fmt: skip
