"""Pictures and sounds that go with the next message."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mimo.cli.chat.attach import part
from mimo.cli.chat.commands.base import Session, Wrong, path_of
from mimo.types import MediaKind


def attaching(kind: MediaKind) -> Callable[[Session, str], Awaitable[None]]:
    """The command that attaches a file of one kind."""

    async def attach(session: Session, argument: str) -> None:
        model = session.conversation.model
        served = session.partner.served_by(model)
        if served and kind not in served.input:
            others = [one.id for one in session.partner.listed if one.served_by and kind in one.served_by.input]
            instead = f"/model {others[0]} takes it" if others else "no model of this server takes it"
            raise Wrong(f"{model} takes {' and '.join(served.input)} here, and no {kind}; {instead}")
        if not argument:
            raise Wrong(f"/{kind} needs a file name")
        session.attached.append(part(kind, path_of(argument)))
        session.say(f"{path_of(argument).name} goes with the next message")

    return attach
