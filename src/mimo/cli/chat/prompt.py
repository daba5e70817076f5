"""The line a person writes on: editing, history across runs, completion of commands. Knows no server.

Enter sends. Alt-Enter, Ctrl-J or a backslash before Enter begins another line; a paste is one text, however many lines.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.key_binding.key_processor import KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.styles import Style

from mimo.cli.chat.terminal import Terminal, clean

KEYS = (
    ("Enter", "sends"),
    ("Alt-Enter, Ctrl-J, \\ Enter", "begin another line; a pasted text is one message"),
    ("Ctrl-C", "stops an answer, clears the line; twice leaves"),
    ("Ctrl-D", "leaves"),
)
"""What keys do."""
_HINT = "Ask something, or /help"
_LEAVES = "Ctrl-C again leaves"
_STYLE = Style.from_dict({"prompt": "bold", "hint": "fg:ansibrightblack", "completion-menu": "noreverse"})
_LARGEST = 2**20
"""Bytes of history; the older half goes when there are more."""

Completions = Callable[[str], Iterable[tuple[str, str]]]
"""The words that may follow what stands before the cursor, each with what it means."""


class Prompt:
    """Asks for one message or command after the other. `history`: the file they are kept in, None for this run only."""

    def __init__(self, terminal: Terminal, completions: Completions, history: Path | None) -> None:
        self._terminal = terminal
        self._leaving = False
        self._session: PromptSession[str] = PromptSession(
            multiline=True,
            input=terminal.input,
            output=terminal.output,
            history=_history(history),
            key_bindings=self._keys(),
            completer=_Words(completions),
            complete_while_typing=Condition(lambda: self._session.default_buffer.text.startswith("/")),
            reserve_space_for_menu=6,
            prompt_continuation=FormattedText([("class:hint", "… ")]),
            placeholder=lambda: FormattedText([("class:hint", _LEAVES if self._leaving else _HINT)]),
            enable_suspend=True,
            style=_STYLE,
        )

    async def ask(self, text: str = "") -> str | None:
        """What was sent; None when the person leaves. `text` is there to be changed."""
        self._leaving = False
        self._terminal.hand_over()
        try:
            message = FormattedText([("class:prompt", "> ")])
            return clean(await self._session.prompt_async(message, default=text, handle_sigint=False))
        except EOFError:
            return None

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("enter")
        def _(event: KeyPressEvent) -> None:
            buffer = event.current_buffer
            follows = event.key_processor.input_queue
            if (follows and follows[0].key != Keys.ControlC) or self._terminal.more_to_read():
                buffer.insert_text("\n")  # in the middle of a paste
            elif buffer.document.current_line_before_cursor.endswith("\\"):
                buffer.delete_before_cursor()
                buffer.insert_text("\n")
            else:
                buffer.validate_and_handle()

        @keys.add("escape", "enter")
        @keys.add("c-j")
        def _(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("\n")

        @keys.add("c-c")
        def _(event: KeyPressEvent) -> None:
            if self._leaving and not event.current_buffer.text:
                event.app.exit(exception=EOFError)
            self._leaving = True
            event.current_buffer.reset()

        @keys.add(Keys.Vt100MouseEvent)
        def _(event: KeyPressEvent) -> None:
            """No mouse is asked for: it is a colour in an unmarked paste, at which prompt_toolkit would fail."""

        return keys


class _Words(Completer):
    def __init__(self, completions: Completions) -> None:
        self._completions = completions

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        before = document.text_before_cursor
        if not before.startswith("/") or "\n" in before:
            return
        word = before.rpartition(" ")[2]
        for text, meaning in self._completions(before):
            if text.startswith(word):
                yield Completion(text, -len(word), display_meta=meaning)


class _Kept(FileHistory):
    def store_string(self, string: str) -> None:
        with suppress(OSError):  # a full disk must not end the conversation
            super().store_string(string)


def _history(path: Path | None) -> History:
    """The file, private to its owner. Where it cannot be written the history is that of this run."""
    if path is None:
        return InMemoryHistory()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        path.chmod(0o600)
        if path.stat().st_size > _LARGEST:
            kept = path.read_bytes()[-_LARGEST // 2 :]
            path.write_bytes(kept[kept.find(b"\n\n# ") + 1 :])
    except OSError:
        return InMemoryHistory()
    return _Kept(path)
