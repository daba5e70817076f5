"""A conversation in the terminal: a prompt, an answer, and so on until the person leaves.

load or connect → say who answers → ask the person → do a command, or ask the server → …
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from contextlib import aclosing
from pathlib import Path

import typer
from rich.console import Console
from rich.text import Text

from mimo.cli.chat import commands
from mimo.cli.chat.commands.base import Session
from mimo.cli.chat.connect import NANO, Partner, connected
from mimo.cli.chat.conversation import switch
from mimo.cli.chat.once import conversation
from mimo.cli.chat.prompt import Prompt
from mimo.cli.chat.screen import Screen
from mimo.cli.chat.server import ServerError
from mimo.cli.chat.terminal import Stopped, Terminal
from mimo.cli.chat.wanted import Wanted
from mimo.cli.chat.wire import Piece
from mimo.cli.chat.wrap import visible
from mimo.folders import data_folder
from mimo.serving.console import log_console

REAL = "A real model: mimo chat --model FILE.gguf, or --url http://HOST:PORT"
"""What to do about nano."""
NANO_TEMPERATURE = 0.3
"""Of the 81 sums of numbers from 1 to 9, 80 are right with thinking, and 75 at the default of 1."""
_LONG, _LINES = 500, 6
"""Characters and lines of a question that is put on the line again."""


async def talk(wanted: Wanted) -> None:
    """Hold a conversation until the person leaves. Raises what `connected` does, `KeyboardInterrupt` for a Ctrl-C
    before it begins."""
    ended: list[int] = []
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None

    def on_signal(number: int) -> None:
        ended.append(number)
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGHUP):  # so that the terminal is left as it was found
        loop.add_signal_handler(number, on_signal, number)
    try:
        await _talk(wanted, Terminal(), Console(highlight=False, markup=False))
    except asyncio.CancelledError:
        if not ended:
            raise
        raise typer.Exit(128 + ended[0]) from None


async def _talk(wanted: Wanted, terminal: Terminal, console: Console) -> None:
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(terminal.opened())
        try:
            partner = await terminal.stoppable(stack.enter_async_context(connected(wanted, log_console())))
        except Stopped:
            raise KeyboardInterrupt from None
        await _converse(partner, wanted, terminal, console)


async def _converse(partner: Partner, wanted: Wanted, terminal: Terminal, console: Console) -> None:
    session = Session(partner, conversation(wanted, partner), console, ask=lambda: _ask(session, terminal))
    prompt = Prompt(terminal, lambda before: commands.completions(session, before), _history_file(wanted))
    _greet(session)
    while not session.leaving:
        draft, session.draft = session.draft, ""
        text = await prompt.ask(draft)
        if text is None:
            return
        if (command := commands.split(text)) is not None:
            await commands.run(session, *command)
        elif text.strip():
            session.question(text)
            await _ask(session, terminal)


def _greet(session: Session) -> None:
    """Say who answers. Nano is asked in the way that it is best at, unless the person chose another."""
    talk, partner = session.conversation, session.partner
    served = partner.served_by(talk.model)
    who = served.model if served else partner.server.url
    session.say(f"{who} as {talk.model}; /help for commands, Ctrl-D to leave")
    if partner.is_nano(talk.model):
        temperature = talk.parameters.setdefault("temperature", NANO_TEMPERATURE)
        thinking = "off" if talk.thinking == switch(False) else "on"
        how = f"Thinking is {thinking} here and temperature {temperature}: /think and /set change it."
        session.say(f"{NANO}\n{how}\n{REAL}")


async def _ask(session: Session, terminal: Terminal) -> None:
    """Send the conversation and show the answer. What came before Ctrl-C is kept; a question without an answer is
    given back to be changed."""
    screen, received = Screen(session.console), list[Piece]()
    try:
        await terminal.stoppable(_receive(session, screen, received))
    except Stopped:
        screen.close()
        session.say("stopped")
    except ServerError as error:
        screen.close()
        session.console.print(Text(visible(str(error)), "red"))
    session.thoughts = "".join(piece.text for piece in received if piece.reasoning)
    content = "".join(piece.text for piece in received if not piece.reasoning)
    if content:
        thought = {"reasoning_content": session.thoughts} if session.thoughts else {}
        session.conversation.messages.append({"role": "assistant", "content": content, **thought})
    else:
        _give_back(session)


def _give_back(session: Session) -> None:
    """Take the last question back and put it on the line; a long one would hide what was said of it."""
    text = session.give_back()
    if len(text) <= _LONG and text.count("\n") < _LINES:
        session.draft = text
    else:
        session.say("the question is taken back; arrow up brings it here again")


async def _receive(session: Session, screen: Screen, received: list[Piece]) -> None:
    talk, partner = session.conversation, session.partner
    request = talk.request(ours=partner.served_by(talk.model) is not None)
    screen.wait()
    async with aclosing(partner.server.stream(request)) as pieces:
        async for piece in pieces:
            if isinstance(piece, Piece):
                received.append(piece)
                screen.show(piece)
            else:
                screen.end(piece)


def _history_file(wanted: Wanted) -> Path:
    folder = wanted.settings.get("data_dir")
    return (folder if isinstance(folder, Path) else data_folder()) / "chat-history"
