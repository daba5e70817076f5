"""An answer on a terminal: thoughts in a few dim lines that fold into one, words wrapped, counts dimmed at the end.

Knows no server and no keys.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable

from rich.console import Console
from rich.live import Live
from rich.text import Text

from mimo.cli.chat.wire import Ending, Piece, Token
from mimo.cli.chat.wrap import Styled, Wrap, visible

_LINES = 4
"""Lines of thinking in view."""
_PAUSE = 0.05
"""Seconds between two pictures of it."""
_TAIL = 4000
"""Characters of it that are wrapped again for a picture."""
SCALE = ((0.9, ""), (0.5, "green"), (0.2, "yellow"), (0.05, "red"), (0.0, "bold red underline"))
"""Probability of a token, at least → its style."""


class Screen:
    """Shows one answer. `fold`: whether a line stays in place of the thoughts. `counts`: whether they are shown."""

    def __init__(self, console: Console, *, fold: bool = True, counts: bool = True) -> None:
        self._console = console
        self._fold, self._counts = fold, counts
        self._wrap = Wrap(console.width)
        self._live: Live | None = None
        self._thoughts = ""
        self._begun = False
        self._began, self._drawn = time.monotonic(), 0.0
        self._first = self._answered = 0.0

    def wait(self) -> None:
        """Show that the answer is waited for: a long prompt takes its time."""
        self._draw(Text("…", "dim"))

    def show(self, piece: Piece) -> None:
        """The next piece of the answer."""
        self._first = self._first or time.monotonic()
        self._wrap.width = self._console.width  # which may have changed
        if piece.reasoning:
            self._thoughts += piece.text
            if not self._answered:  # what is thought between two words is kept, and not shown
                self._think()
            return
        if not self._answered:
            self._answered = time.monotonic()
            self._stop_thinking()
        for text, style in styled(piece):
            text = text if self._begun else text.lstrip()
            self._begun = self._begun or bool(text)
            self._print(self._wrap.feed(text, style))

    def close(self) -> None:
        """End the line: the answer is complete, or was stopped."""
        if self._answered:
            self._print(self._wrap.end())
            self._console.print()
        else:
            self._stop_thinking()

    def end(self, ending: Ending) -> None:
        """What the answer came to, under it."""
        self.close()
        if self._counts:
            note = counts(ending, self._first - self._began, time.monotonic() - self._first)
            self._console.print(Text(f"{note}\n", "dim"))

    def _think(self) -> None:
        now = time.monotonic()
        if now - self._drawn < _PAUSE:
            return
        self._drawn = now
        lines = Text(visible(self._thoughts[-_TAIL:]).strip(), "dim italic").wrap(
            self._console, self._console.width - 2
        )
        self._draw(Text("\n").join(Text.assemble(("│ ", "dim"), line) for line in lines[-_LINES:]))

    def _draw(self, text: Text) -> None:
        """Put `text` where the answer will begin."""
        if self._live is None:
            self._live = Live(console=self._console, transient=True, auto_refresh=False)
            self._live.start()
        self._live.update(text, refresh=True)

    def _stop_thinking(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        if self._fold and self._thoughts:
            seconds = time.monotonic() - self._first
            self._console.print(Text(f"▸ thought for {seconds:.1f} s; /think show", "dim italic"))

    def _print(self, parts: Iterable[Styled]) -> None:
        text = Text.assemble(*parts)
        if text:
            self._console.print(text, end="", soft_wrap=True)


def styled(piece: Piece) -> list[Styled]:
    """The piece, in the colours of the probabilities of its tokens. Text that is not just its tokens, as where a
    character was cut in two, has the colour of the least likely one."""
    if not piece.tokens:
        return [(piece.text, "")]
    if "".join(token.token for token in piece.tokens) == piece.text:
        return [(token.token, colour(token)) for token in piece.tokens]
    return [(piece.text, colour(min(piece.tokens, key=lambda token: token.logprob)))]


def colour(token: Token) -> str:
    """The style of a token's probability."""
    probability = math.exp(min(token.logprob, 0.0))
    return next(style for least, style in SCALE if probability >= least)


def legend() -> Text:
    """What the colours mean."""
    text, above = Text("probability: "), ""
    for least, style in SCALE:
        share = f"{least:.0%}"
        text.append(f"from {share}" if not above else f"to {share}" if least else f"below {above}", style or "none")
        text.append("  ")
        above = share
    return text


def counts(ending: Ending, wait: float, seconds: float) -> str:
    """Tokens, speed and time to the first token, in a line. Times in seconds."""
    usage = ending.usage
    words = ["cut at max_completion_tokens"] if ending.reason == "length" else []
    words += [f"ended by {ending.reason}"] if ending.reason not in ("stop", "length") else []
    if made := usage.completion_tokens:
        words.append(f"{made} tokens" + (f" ({usage.reasoning} reasoning)" if usage.reasoning else ""))
        if made > 1 and seconds > 0:
            speed = (made - 1) / seconds
            words.append(f"{speed:,.0f} tokens/s" if speed >= 100 else f"{speed:.3g} tokens/s")
    words.append(f"first {wait:.2f} s")
    if usage.prompt_tokens:
        words.append(f"prompt {usage.prompt_tokens}" + (f" ({usage.cached} cached)" if usage.cached else ""))
    return " · ".join(words)
