"""What a server says when it is ready: who answers for which model, how much fits, where, and a line to paste.

So that nobody mistakes nano for the hosted model, or the documented window for the one in force.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from shlex import quote

from rich.console import Console
from rich.text import Text

from mimo.api.app import App
from mimo.chat.prompt import ChatFormat
from mimo.chat.unknown import WHAT_TO_DO, UnknownFormat
from mimo.config import Settings
from mimo.engines.base import Engine

_CHAT: tuple[str, dict[str, object]] = "chat/completions", {"messages": [{"role": "user", "content": "Hello!"}]}
_TEXT: tuple[str, dict[str, object]] = "completions", {"prompt": "Once upon a time", "max_tokens": 50}


def show(url: str, settings: Settings, app: App, console: Console) -> None:
    """Print the banner of a server at `url` whose engine has started."""
    backend = app.backend
    for names, answers in _grouped((name, backend.engine.answers(name)) for name in backend.models):
        console.print(Text(names, "bold"), f"answered by {answers} ({backend.engine.info.engine})")
    for line in _lines(url, settings, app, backend.engine, backend.chat_format):
        console.print(f"  {line}")


def _lines(url: str, settings: Settings, app: App, engine: Engine, chat_format: ChatFormat) -> Iterator[str]:
    yield _window(app, engine)
    if engine.info.memory:
        yield f"memory {engine.info.memory}"
    if engine.capabilities.media:
        yield f"takes {', '.join(engine.capabilities.media)} by data URI{' or URL' * settings.allow_media_urls}"
    yield f"fingerprint {engine.info.fingerprint}"
    yield f"{url}/v1 · docs at {url}/docs"
    yield f"try it{' with a key of yours in MIMO_API_KEY' if app.keys else ''}:"
    yield _command(url, app, chat=not isinstance(chat_format, UnknownFormat))
    if isinstance(chat_format, UnknownFormat):
        yield f"no chat: {chat_format.why}; {WHAT_TO_DO}"
    if settings.model is None and engine.info.engine == "local":
        yield "nano is a tiny test model; serve another with --model PATH.gguf"


def _window(app: App, engine: Engine) -> str:
    """The window in force, where it is not what is documented."""
    own = engine.info.context_window
    larger = [(name, f"{row.context_window:,}") for name, row in app.backend.models.items() if row.context_window > own]
    documented = "; ".join(f"{names} {window}" for names, window in _grouped(larger))
    return f"window {own:,} tokens{f' here; documented: {documented}' if documented else ''}"


def _command(url: str, app: App, *, chat: bool) -> str:
    """A line for a shell that asks this server something."""
    key = ' -H "authorization: Bearer $MIMO_API_KEY"' if app.keys else ""
    path, asked = _CHAT if chat else _TEXT
    body = json.dumps({"model": list(app.backend.models)[-1], **asked})
    return f"curl {url}/v1/{path}{key} -H 'content-type: application/json' -d {quote(body)}"


def _grouped(pairs: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Pairs of a name and a value → the names that have the same value, and the value."""
    groups: dict[str, list[str]] = {}
    for name, value in pairs:
        groups.setdefault(value, []).append(name)
    for value, names in groups.items():
        yield ", ".join(names), value
