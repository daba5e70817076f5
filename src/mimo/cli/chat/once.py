"""One question and its answer: as text while it is generated, or as the API's whole response.

Into a pipe or a file goes plain text; a terminal gets wrapped words.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from mimo.cli.chat.connect import NANO, Partner, connected
from mimo.cli.chat.conversation import Conversation, switch
from mimo.cli.chat.screen import Screen
from mimo.cli.chat.server import TooLong
from mimo.cli.chat.wanted import Wanted
from mimo.cli.chat.wire import Ending, Piece, Whole
from mimo.cli.chat.wrap import visible
from mimo.config import ConfigError
from mimo.serving.console import log_console

_LARGEST = 16 * 2**20
"""Bytes of standard input: what a server takes as one request."""
_REAL = "Ask a real model: --model FILE.gguf, or --url http://HOST:PORT"
_LESS = (
    "pipe in less, as with | head -c 20000, or ask a model with a larger window: --model FILE.gguf, or --url ADDRESS"
)
_GONE = 141
"""Exit status where the reader of a pipe has gone: what a shell says of a program that the signal for it ended."""


def with_piped(message: str | None) -> str:
    """The question: `message`, and after it what a pipe or a file brings on standard input. Raises `ConfigError`."""
    parts = [part for part in (message, _piped()) if part]
    if not parts:
        raise ConfigError('nothing was asked; give a question, as in mimo run "Who are you?", or pipe one in')
    return "\n\n".join(parts)


def _piped() -> str:
    """What comes on standard input up to its end; "" on a terminal."""
    if sys.stdin is None:  # closed by the shell
        return ""
    mode = os.fstat(sys.stdin.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISREG(mode)):
        return ""
    data = sys.stdin.buffer.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ConfigError(f"standard input must be at most {_LARGEST // 2**20} MiB; give a part of it")
    try:
        return data.decode().strip("\n")
    except ValueError as problem:
        raise ConfigError(f"standard input must be text in UTF-8: {problem}") from None


async def ask_once(wanted: Wanted, question: str, *, thoughts: bool = False) -> bool:
    """Print the answer; whether it is whole. `thoughts`: print them before it. Raises what `connected` does."""
    async with _asked(wanted) as partner:
        show = _on_terminal if sys.stdout.isatty() else _into_pipe
        ending = await show(partner, _request(wanted, partner, question), thoughts)
    return ending.reason != "length"


async def ask_for_json(wanted: Wanted, question: str) -> bool:
    """Print the response; whether the answer is whole. Raises what `connected` does."""
    async with _asked(wanted) as partner:
        body = await partner.server.whole(_request(wanted, partner, question))
    try:
        whole = all(choice.finish_reason != "length" for choice in msgspec.json.decode(body, type=Whole).choices)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        raise ConfigError(f"{partner.server.url} answered with something that is no chat completion") from None
    _write(visible(msgspec.json.format(body, indent=2).decode()) if sys.stdout.isatty() else body.decode())
    _write("\n")
    return whole


@asynccontextmanager
async def _asked(wanted: Wanted) -> AsyncIterator[Partner]:
    """The partner, as `connected`; a person at a terminal learns that it is nano. Raises `TooLong` with what to do."""
    console = log_console()
    async with connected(wanted, console) as partner:
        if console.is_terminal and partner.is_nano(wanted.model or partner.model):
            console.print(Text(f"{NANO} {_REAL}", "dim"))
        try:
            yield partner
        except TooLong as problem:
            raise TooLong(f"{problem}; {_LESS}") from None


def conversation(wanted: Wanted, partner: Partner) -> Conversation:
    """The conversation that begins with these flags."""
    on = True if wanted.thinking is None and partner.is_nano(partner.model) else wanted.thinking
    return Conversation(partner.model, wanted.system, dict(wanted.parameters), switch(on))


def _request(wanted: Wanted, partner: Partner, question: str) -> dict[str, object]:
    begun = conversation(wanted, partner)
    begun.messages.append({"role": "user", "content": question})
    return begun.request(ours=partner.served_by(begun.model) is not None)


async def _into_pipe(partner: Partner, request: dict[str, object], thoughts: bool) -> Ending:
    """The answer as it is; standard error says where it was cut."""
    ending, thought, said = Ending(), False, False
    async with aclosing(partner.server.stream(request)) as pieces:
        async for piece in pieces:
            if isinstance(piece, Ending):
                ending = piece
            elif not piece.reasoning or thoughts:
                _write(f"\n\n{piece.text}" if thought and not piece.reasoning and not said else piece.text)
                thought, said = thought or piece.reasoning, said or not piece.reasoning
    _write("\n")
    if ending.reason == "length":
        note = "cut at max_completion_tokens; a larger --max-completion-tokens lets it end"
        _write(f"{note}\n") if thoughts else log_console().print(f"mimo: {note}")
    return ending


async def _on_terminal(partner: Partner, request: dict[str, object], thoughts: bool) -> Ending:
    console = Console(highlight=False, markup=False)
    screen, ending = Screen(console, fold=False, counts=thoughts), Ending()
    try:
        async with aclosing(partner.server.stream(request)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Piece):
                    screen.show(piece)
                else:
                    ending = piece
    except BaseException:
        screen.close()
        raise
    screen.end(ending)
    if ending.reason == "length" and not thoughts:
        log_console().print(Text("mimo: cut at max_completion_tokens", "dim"))
    return ending


def _write(text: str) -> None:
    """To standard output at once, in UTF-8. Ends the command without a word where nobody reads it any more."""
    try:
        sys.stdout.buffer.write(text.encode(errors="replace"))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(_GONE) from None
