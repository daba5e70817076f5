"""How the next answer is made: system message, model, thinking, parameters, colours."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

import msgspec

from mimo.cli.chat.commands.base import Session, Wrong, switch_of
from mimo.cli.chat.conversation import switch
from mimo.cli.chat.screen import legend
from mimo.cli.options import SAMPLING, bounds_text, parameter_default
from mimo.contract.resolve import resolve
from mimo.contract.rows import Parameter


async def system(session: Session, argument: str) -> None:
    """Show the system message, or change it."""
    if argument:
        session.conversation.system = None if argument == "none" else argument
    session.say(f"system: {session.conversation.system or 'none'}")


async def set_parameter(session: Session, argument: str) -> None:
    """Show parameters, or change one."""
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


async def show(session: Session, _: str) -> None:
    """Everything that the next answer depends on."""
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


async def model(session: Session, argument: str) -> None:
    """List the models, or ask another from now on."""
    talk, partner = session.conversation, session.partner
    if argument:
        partner.find(argument)
        resolve(talk.parameters, partner.row(argument))
        talk.model = argument
    mark = {talk.model: "asked"}
    session.table(
        (one.id, one.served_by.model if one.served_by else "", mark.get(one.id, "")) for one in partner.listed
    )


async def tokens(session: Session, argument: str) -> None:
    """Switch the colours of probability."""
    session.conversation.tokens = switch_of(argument, not session.conversation.tokens)
    if session.conversation.tokens:
        session.console.print(legend())
    session.say(f"colours {'on, from the next answer; /retry for the last' if session.conversation.tokens else 'off'}")


async def think(session: Session, argument: str) -> None:
    """Switch thinking, limit it, or show the last thoughts."""
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
        talk.thinking = switch(switch_of(argument, not on, "on, off, default, show, or the most tokens of thinking"))
    session.say(f"thinking: {msgspec.json.encode(talk.thinking or 'the default of the model').decode()}")


def _thinking(session: Session, value: dict[str, Any] | None) -> dict[str, Any] | None:
    resolve({"thinking": value}, session.row)
    return value


def settable(session: Session, before: str) -> Iterator[tuple[str, str]]:
    """The parameters, each with what is allowed."""
    for name in SAMPLING:
        yield name, _allowed(session.row.parameters[name])


def models(session: Session, before: str) -> Iterator[tuple[str, str]]:
    """The server's models."""
    for one in session.partner.listed:
        yield one.id, one.served_by.model if one.served_by else ""
