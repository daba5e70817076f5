"""Reasoning or content: decided by the ids of `<think>` and `</think>`, never by their spelling.

1. thinking off, or a vocabulary without both tags: everything is content
2. `<think>` opens reasoning unless visible content came before (ASCII white space is not visible)
3. `</think>` closes it, and where calls are possible the marker that opens a call does; what is never closed stays
   reasoning
4. a think tag that neither opens nor closes changes nothing

No text is trimmed: a newline after a tag is the model's and stays. Knows pieces and ids; no stops and no budget.
"""

from __future__ import annotations

from mimo.tokenizers.base import Tokenizer
from mimo.types import CALL, THINK, Markers


class Reasoning:
    """Where the next token of one choice belongs. Feed every token to `push`, or to `control` and `text`, in order.

    `calls`: the model was offered tools, so that the first of `markers` begins a call.
    """

    __slots__ = (
        "_calls", "_is_control", "_on", "_piece", "answered", "call_closes", "call_opens", "closes", "inside", "opens",
        "tokens",
    )  # fmt: skip

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        thinking: bool,
        in_reasoning: bool,
        calls: bool = False,
        markers: Markers = CALL,
    ) -> None:
        self.opens, self.closes = map(tokenizer.control, THINK)
        """Ids of the think tags, or None."""
        self.call_opens, self.call_closes = map(tokenizer.control, markers)
        """Ids of the markers around a call, or None."""
        self._piece, self._is_control = tokenizer.piece, tokenizer.is_control
        self._on = thinking and self.opens is not None and self.closes is not None
        self._calls = calls
        self.inside = self._on and in_reasoning
        """Whether text that comes now is reasoning."""
        self.tokens = 0
        """Tokens sampled between the tags, the tags themselves not counted."""
        self.answered = False
        """Whether visible content other than white space came, or a call."""

    def push(self, token: int) -> bool:
        """Take a token; whether it switched between reasoning and content."""
        if self.is_control(token):
            return self.control(token)
        self.text(self._piece(token))
        return False

    def is_control(self, token: int) -> bool:
        """Whether `token` is no text: a control token or a think tag."""
        return self._is_control(token) or token == self.opens or token == self.closes

    def control(self, token: int) -> bool:
        """Take a control token; whether it switched between reasoning and content."""
        if self.inside:
            if token == self.closes or (self._calls and token == self.call_opens):
                self.inside = False
                self.answered |= token == self.call_opens
                return True
            self.tokens += 1
        elif token == self.opens and self._on and not self.answered:
            self.inside = True
            return True
        elif token == self.call_opens or token == self.call_closes:
            self.answered = True
        return False

    def text(self, piece: bytes) -> None:
        """Take a token of text, given as its bytes."""
        if self.inside:
            self.tokens += 1
        elif not self.answered and piece.strip():
            self.answered = True
