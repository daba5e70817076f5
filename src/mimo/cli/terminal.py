"""A conversation in the terminal, with the engine in this process; its requests are generated as a server's are.

It knows no flags: `chat.py` reads those.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from mimo.chat.prompt import ChatFormat
from mimo.config import ConfigError, Settings, model_rows
from mimo.contract.errors import ApiError
from mimo.contract.models import find_model
from mimo.contract.request import ChatRequest
from mimo.contract.resolve import resolve
from mimo.engines.base import Engine
from mimo.generate import generate
from mimo.serving.console import log_console
from mimo.serving.engine import start_engine
from mimo.types import ContentDelta, Finish, Message, ReasoningDelta, Usage


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """What the person asked for: a model id, an optional system message, one message or None for a conversation, and
    parameters by name."""

    model: str
    system: str | None
    message: str | None
    parameters: Mapping[str, object]


def piped() -> str:
    """What a pipe or a file brings on standard input, up to its end; "" on a terminal. Raises `ConfigError`."""
    if sys.stdin is None:  # closed by the shell
        return ""
    mode = os.fstat(sys.stdin.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISREG(mode)):
        return ""
    try:
        return sys.stdin.buffer.read().decode().strip("\n")
    except ValueError as problem:
        raise ConfigError(f"standard input must be text in UTF-8: {problem}") from None


async def talk(settings: Settings, options: ChatOptions, console: Console) -> None:
    """Answer one message or hold a conversation until end of input. Raises `ConfigError`, `EngineError`, `ApiError`."""
    model = find_model(options.model, model_rows(settings))
    resolve(options.parameters, model)  # a wrong flag is said before the model loads
    engine, chat_format = await start_engine(settings, log_console())
    messages = [Message("system", options.system)] if options.system else []
    try:
        if options.message is None:
            console.print(Text(f"{engine.info.model} as {model.id}; an empty line or Ctrl-D ends.", "dim"))
        while text := options.message or await _ask(console):
            messages.append(Message("user", text))
            params = resolve(options.parameters, model).params  # a new seed each turn unless one was given
            try:
                messages.append(
                    await _answer(ChatRequest(model, params, tuple(messages)), engine, chat_format, console)
                )
            except ApiError as problem:
                messages.pop()
                if options.message:
                    raise
                console.print(Text(str(problem), "red"))
            if options.message:
                break
    finally:
        chat_format.close()
        await engine.close()


async def _ask(console: Console) -> str:
    try:
        return await asyncio.to_thread(console.input, Text("> ", "bold"))
    except EOFError:
        return ""


async def _answer(request: ChatRequest, engine: Engine, chat_format: ChatFormat, console: Console) -> Message:
    content, reasoning, reason, usage = "", "", "", Usage(0, 0, 0, 0)
    async for events in generate(request, engine, chat_format):
        for event in events:
            match event:
                case ReasoningDelta(text=text):
                    reasoning += text
                    console.print(Text(text, "dim"), end="", soft_wrap=True)
                case ContentDelta(text=text):
                    if reasoning and not content:
                        console.print("\n")
                    content += text
                    console.print(Text(text), end="", soft_wrap=True)
                case Finish():
                    reason = event.reason
                case Usage():
                    usage = event
    console.print()
    if console.is_terminal or reason != "stop":
        note = "cut at max_completion_tokens; " if reason == "length" else ""
        console.print(
            Text(f"{note}{usage.completion_tokens} tokens, {usage.reasoning_tokens} of them reasoning", "dim")
        )
    return Message("assistant", content, reasoning_content=reasoning or None)
