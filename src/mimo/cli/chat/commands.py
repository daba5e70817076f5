"""The commands of a conversation: one table, a function each. A wrong one is one line that says what is allowed.

Bounds and defaults come from the rows of the parameters. Knows no keys and no HTTP.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mimo.cli.chat.connect import Partner
from mimo.cli.chat.conversation import Conversation, loaded, read, switch
from mimo.cli.chat.prompt import KEYS
from mimo.cli.chat.screen import legend
from mimo.cli.chat.wrap import visible
from mimo.cli.options import SAMPLING, bounds_text, parameter_default
from mimo.contract.errors import ApiError, StartError
from mimo.contract.models import Model
from mimo.contract.resolve import resolve
from mimo.contract.rows import Parameter


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
    draft: str = ""
    """Text that the next prompt begins with."""
    leaving: bool = False

    @property
    def row(self) -> Model:
        """The contract of the model that is asked."""
        return self.partner.row(self.conversation.model)

    def table(self, rows: Iterable[tuple[str, ...]]) -> None:
        """Rows of words: the first column stands out, the last one is wrapped."""
        grid = Table.grid(padding=(0, 2, 0, 0))
        for row in rows:
            grid.add_row(Text(row[0], "bold"), *(Text(visible(word), "dim") for word in row[1:]))
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
        yield from COMMANDS[name].words(session, argument)


async def _help(session: Session, _: str) -> None:
    rows = [(f"/{name} {command.usage}".rstrip(), command.help) for name, command in COMMANDS.items()]
    session.table([*rows, ("", ""), *KEYS])


async def _clear(session: Session, _: str) -> None:
    session.conversation.messages.clear()
    session.say("forgotten; system message and parameters stay")


async def _undo(session: Session, _: str) -> None:
    if session.conversation.undo() is None:
        raise Wrong("there is nothing to take back")
    session.say("the last question and its answer are taken back")


async def _retry(session: Session, _: str) -> None:
    question = session.conversation.undo()
    if question is None:
        raise Wrong("there is nothing to ask again")
    session.conversation.messages.append(question)
    await session.ask()


async def _system(session: Session, argument: str) -> None:
    if argument:
        session.conversation.system = None if argument == "none" else argument
    session.say(f"system: {session.conversation.system or 'none'}")


async def _set(session: Session, argument: str) -> None:
    name, _, value = argument.partition(" ")
    name = name.replace("-", "_")
    if not name:
        session.table(_parameter(session, one) for one in SAMPLING)
        return
    if name not in SAMPLING:
        near = get_close_matches(name, SAMPLING, 1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise Wrong(f"there is no parameter {name}; {meant}Those there are: {', '.join(SAMPLING)}")
    parameters = session.conversation.parameters
    if value.strip() == "default":
        parameters.pop(name, None)
    elif value:
        changed = {**parameters, name: _value(value.strip(), bool(session.row.table[name].repeats))}
        resolve(changed, session.row)
        parameters[name] = changed[name]
    session.table([_parameter(session, name)])


def _value(text: str, texts: bool) -> object:
    """What was written as a value: JSON, or plain text. `texts`: texts are wanted, so that a number is one too."""
    try:
        value = msgspec.json.decode(text)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        value = text
    return [text] if texts and not isinstance(value, list | str) else value


def _parameter(session: Session, name: str) -> tuple[str, str, str]:
    """Its name, the value in force and what is allowed."""
    row = session.row.parameters[name]
    value = session.conversation.parameters.get(name)
    now = parameter_default(row) if value is None else msgspec.json.encode(value).decode()
    return name, now, _allowed(row)


def _allowed(row: Parameter) -> str:
    bounds = f"up to {row.repeats} texts" if row.repeats else bounds_text(row)
    return f"{bounds}; default {parameter_default(row)}"


async def _show(session: Session, _: str) -> None:
    talk = session.conversation
    served = session.partner.served_by(talk.model)
    thinking = talk.thinking or {"type": "default"}
    budget = thinking.get("budget_tokens")
    rows = [
        ("model", talk.model + (f", answered by {served.model} ({served.engine})" if served else "")),
        ("server", session.partner.server.url if session.partner.elsewhere else "in this process"),
        ("window", f"{served.context_window} tokens" if served else "unknown"),
        ("system", talk.system or "none"),
        ("turns", str(sum(message["role"] == "user" for message in talk.messages))),
        ("thinking", f"{thinking['type']}" + ("" if budget is None else f", at most {budget} tokens")),
    ]
    session.table(rows)
    session.table(_parameter(session, one) for one in SAMPLING)


async def _model(session: Session, argument: str) -> None:
    talk, partner = session.conversation, session.partner
    if argument:
        partner.find(argument)
        resolve(talk.parameters, partner.row(argument))
        talk.model = argument
    mark = {talk.model: "asked"}
    session.table(
        (one.id, one.served_by.model if one.served_by else "", mark.get(one.id, "")) for one in partner.listed
    )


async def _save(session: Session, argument: str) -> None:
    if not argument:
        raise Wrong("/save needs a file name, as in /save talk.json")
    session.conversation.save(_path(argument))
    session.say(f"saved in {_path(argument)}: a body for POST /v1/chat/completions")


async def _load(session: Session, argument: str) -> None:
    if not argument:
        raise Wrong("/load needs a file name, as in /load talk.json")
    path, partner = _path(argument), session.partner
    made = loaded(read(path), session.conversation.model)
    partner.find(made.model)
    resolve(made.parameters | ({"thinking": made.thinking} if made.thinking else {}), partner.row(made.model))
    made.tokens = session.conversation.tokens
    session.conversation = made
    session.say(f"{len(made.messages)} messages from {path}; {made.model} goes on")
    for message in made.messages[-2:]:
        if isinstance(message["content"], str):
            session.say(f"{message['role']}: {message['content']}")


async def _tokens(session: Session, argument: str) -> None:
    session.conversation.tokens = _switch(argument, not session.conversation.tokens)
    if session.conversation.tokens:
        session.console.print(legend())
    session.say(f"colours {'on, from the next answer; /retry for the last' if session.conversation.tokens else 'off'}")


async def _think(session: Session, argument: str) -> None:
    talk = session.conversation
    if argument == "show":
        session.say(session.thoughts.strip() or "the last answer came without thinking")
        return
    if argument == "default":
        talk.thinking = None
    elif argument.isdecimal():
        talk.thinking = _thinking(session, switch(True, int(argument)))
    else:
        on = talk.thinking["type"] != "disabled" if talk.thinking else session.row.thinking
        talk.thinking = switch(_switch(argument, not on, "on, off, default, show, or the most tokens of thinking"))
    session.say(f"thinking: {msgspec.json.encode(talk.thinking or 'the default of the model').decode()}")


def _thinking(session: Session, value: dict[str, Any] | None) -> dict[str, Any] | None:
    resolve({"thinking": value}, session.row)
    return value


async def _bye(session: Session, _: str) -> None:
    session.leaving = True


def _switch(argument: str, otherwise: bool, allowed: str = "on or off") -> bool:
    if argument not in ("", "on", "off"):
        raise Wrong(f"must be {allowed}, got {argument!r}")
    return argument == "on" if argument else otherwise


def _path(argument: str) -> Path:
    return Path(argument).expanduser()


def _files(session: Session, before: str) -> Iterator[tuple[str, str]]:
    folder = _path(before if before.endswith("/") else str(Path(before).parent))
    shown = before[: before.rfind("/") + 1]
    try:
        for path in sorted(folder.iterdir()):
            if path.is_dir() or path.suffix == ".json":
                yield f"{shown}{path.name}{'/' if path.is_dir() else ''}", ""
    except OSError:
        return


def _words(*words: str) -> Callable[[Session, str], Iterable[tuple[str, str]]]:
    return lambda session, before: ((word, "") for word in words)


def _settable(session: Session, before: str) -> Iterator[tuple[str, str]]:
    for name in SAMPLING:
        yield name, _allowed(session.row.parameters[name])


def _models(session: Session, before: str) -> Iterator[tuple[str, str]]:
    for one in session.partner.listed:
        yield one.id, one.served_by.model if one.served_by else ""


COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "help": Command("these lines", _help),
        "clear": Command("forget what was said", _clear),
        "undo": Command("take the last question and its answer back", _undo),
        "retry": Command("ask the last question again, with new draws", _retry),
        "system": Command(
            "show or change the system message; none removes it", _system, "[TEXT]", _words("none"), lines=True
        ),
        "set": Command(
            "show or change parameters: /set temperature 0.2, /set seed default", _set, "[NAME [VALUE]]", _settable
        ),
        "show": Command("model, server, system message and parameters", _show),
        "model": Command("list the models, or ask another", _model, "[ID]", _models),
        "save": Command("write the conversation to a file", _save, "FILE", _files),
        "load": Command("go on with a saved one", _load, "FILE", _files),
        "tokens": Command("colour answers by probability", _tokens, "[on | off]", _words("on", "off")),
        "think": Command(
            "think before answering, for at most N tokens", _think,
            "[on | off | N | show]", _words("on", "off", "default", "show"),
        ),
        "bye": Command("leave", _bye),
    }
)  # fmt: skip
