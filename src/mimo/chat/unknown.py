"""The chat format of a model that has none we can use: every conversation is refused by name, with what to do.

Raw completions and tokenising need no format and go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from mimo.chat.base import ChatFormat
from mimo.contract.errors import UnsupportedParameter
from mimo.tokenizers.base import Tokenizer
from mimo.types import Message, Tool

WHAT_TO_DO = "use /v1/completions, or start the server with --chat-template FILE or --chat-template chatml"


class UnknownFormat(ChatFormat):
    """Refuses. `why`: what is wrong with the model's own format."""

    def __init__(self, tokenizer: Tokenizer, why: str) -> None:
        super().__init__(tokenizer)
        self.why = why

    def pieces(self, messages: Sequence[Message], thinking: bool, tools: Sequence[Tool]) -> NoReturn:
        """Raises `UnsupportedParameter`."""
        raise UnsupportedParameter(f"messages: this model cannot chat: {self.why}; {WHAT_TO_DO}", param="messages")
