"""The keyboard of a conversation: raw from start to end, so that the shell and the line discipline get nothing of it.

    loading, answering    keys are read here: Ctrl-C stops, all others wait for the next prompt
    asking                prompt_toolkit reads them (`prompt.py`)
    leaving               what was typed or pasted and not asked for is thrown away

A line discipline cuts lines at 4,095 bytes and hands what is left over to the shell. Knows no commands.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import select
import termios
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from prompt_toolkit.input import Input, create_input
from prompt_toolkit.input.typeahead import store_typeahead
from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.keys import Keys
from prompt_toolkit.output import Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output

Result = TypeVar("Result")
_ENTER = (Keys.ControlM, Keys.ControlJ)
_LOST = re.compile("[\udc80-\udcff]")
"""Bytes that were no UTF-8."""


class Stopped(Exception):
    """Ctrl-C was pressed while something was going on."""


class Terminal:
    """The terminal, from `opened` until it is left. `input` and `output` are prompt_toolkit's."""

    def __init__(self) -> None:
        self.input: Input = create_input()
        self.output: Output = create_output()
        if isinstance(self.output, Vt100_Output):  # the terminal's answer might come when we have left
            self.output.enable_cpr = False
        self._typed: list[KeyPress] = []

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Raw mode, until the block ends: then nothing that was typed is left."""
        file = self.input.fileno()
        with self.input.raw_mode():
            try:
                yield
            finally:
                with contextlib.suppress(OSError, termios.error):  # a terminal that was closed
                    self.output.disable_bracketed_paste()
                    self.output.flush()
                    termios.tcflush(file, termios.TCIFLUSH)

    async def stoppable(self, work: Coroutine[Any, Any, Result]) -> Result:
        """The result of `work`. Raises `Stopped` once it has ended for Ctrl-C; other keys wait for the next prompt."""
        task = asyncio.ensure_future(work)
        stopped = False

        def on_keys() -> None:
            nonlocal stopped
            for press in one_paste(self.input.read_keys()):
                if press.key == Keys.ControlC:
                    stopped = True
                    task.cancel()
                else:
                    self._typed.append(press)

        self.output.enable_bracketed_paste()
        self.output.flush()
        try:
            with self.input.attach(on_keys):
                return await task
        except asyncio.CancelledError:
            if stopped:
                raise Stopped from None
            raise
        finally:
            self._typed += self.input.flush_keys()

    def hand_over(self) -> None:
        """Give the next prompt what was typed meanwhile, up to the first Enter; the rest is for those after it."""
        ends = (place for place, press in enumerate(self._typed, 1) if press.key in _ENTER)
        end = next(ends, len(self._typed))
        store_typeahead(self.input, self._typed[:end])
        del self._typed[:end]

    def more_to_read(self) -> bool:
        """Whether more input is there already: nobody types that fast."""
        return bool(select.select([self.input.fileno()], [], [], 0)[0])


def one_paste(keys: list[KeyPress]) -> list[KeyPress]:
    """Keys that came at once. Where an Enter is among them and more follows, it is a paste, although the terminal did
    not say so: its lines are one text."""
    if not any(press.key in _ENTER for press in keys[:-1]):
        return keys
    text = "".join("\n" if press.key in _ENTER else press.data for press in keys)
    return [KeyPress(Keys.BracketedPaste, text)]


def clean(text: str) -> str:
    """`text` without bytes that were no UTF-8, which no request can hold."""
    return _LOST.sub("\ufffd", text)
