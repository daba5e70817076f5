"""The tokenizer of an engine whose vocabulary nobody here knows: it has MiMo's control tokens by name and no text."""

from __future__ import annotations

from mimo.contract.errors import UnsupportedParameter
from mimo.tokenizers.bytes import ByteTokenizer


class NoTokenizer(ByteTokenizer):
    """Refuses to count."""

    def encode(self, text: str) -> list[int]:
        """Never. Raises `UnsupportedParameter`."""
        raise UnsupportedParameter("the tokenizer of the hosted model is not here; give one with --tokenizer")

    def least_tokens(self, text: str) -> int:
        """Nothing is known."""
        return 0
