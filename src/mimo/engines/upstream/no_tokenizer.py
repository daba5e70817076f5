"""The tokenizer of an engine whose vocabulary nobody here knows: it has MiMo's control tokens by name and no text."""

from __future__ import annotations

from mimo.chat.bytes_tokenizer import ByteTokenizer
from mimo.contract.errors import UnsupportedParameter


class NoTokenizer(ByteTokenizer):
    """Refuses to count."""

    def encode(self, text: str) -> list[int]:
        """Never. Raises `UnsupportedParameter`."""
        raise UnsupportedParameter("the tokenizer of the hosted model is not here; give one with --tokenizer")
