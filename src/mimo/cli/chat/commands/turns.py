"""What was said: forget it, take it back, ask it again, keep it in a file, go on with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mimo.cli.chat.attach import words
from mimo.cli.chat.commands.base import Session, Wrong, path_of
from mimo.cli.chat.conversation import loaded, read
from mimo.contract.resolve import resolve


async def clear(session: Session, _: str) -> None:
    """Forget what was said, and what was to go with the next message."""
    session.conversation.messages.clear()
    session.attached.clear()
    session.say("forgotten; system message and parameters stay")


async def undo(session: Session, _: str) -> None:
    """Take the last exchange back."""
    if session.conversation.undo() is None:
        raise Wrong("there is nothing to take back")
    session.say("the last question and its answer are taken back")


async def retry(session: Session, _: str) -> None:
    """Ask the last question again; where that fails the answer before stays."""
    before = list(session.conversation.messages)
    question = session.conversation.undo()
    if question is None:
        raise Wrong("there is nothing to ask again")
    session.conversation.messages.append(question)
    await session.ask()
    if len(session.conversation.messages) < len(before):
        session.conversation.messages, session.attached, session.draft = before, [], ""
        session.say("the answer before stays")


async def save(session: Session, argument: str) -> None:
    """Write the conversation to a file."""
    if not argument:
        raise Wrong("/save needs a file name, as in /save talk.json")
    session.conversation.save(path_of(argument))
    session.say(f"saved in {path_of(argument)}: a body for POST /v1/chat/completions")


async def load(session: Session, argument: str) -> None:
    """Go on with a saved conversation, if this server can answer it."""
    if not argument:
        raise Wrong("/load needs a file name, as in /load talk.json")
    path, partner = path_of(argument), session.partner
    made = loaded(read(path), session.conversation.model)
    partner.find(made.model)
    resolve(made.parameters | ({"thinking": made.thinking} if made.thinking else {}), partner.row(made.model))
    made.tokens = session.conversation.tokens
    session.conversation = made
    session.say(f"{len(made.messages)} messages from {path}; {made.model} goes on")
    for message in made.messages[-2:]:
        session.say(f"{message['role']}: {words(message['content'])}")


def files(session: Session, before: str) -> Iterator[tuple[str, str]]:
    """The files that begin as what was written does."""
    folder = path_of(before if before.endswith("/") else str(Path(before).parent))
    shown = before[: before.rfind("/") + 1]
    try:
        for path in sorted(folder.iterdir()):
            if not path.name.startswith("."):
                yield f"{shown}{path.name}{'/' if path.is_dir() else ''}", ""
    except OSError:
        return
