"""A vocabulary without control tokens: what they are called is text like any other. For output that is shown raw."""

from __future__ import annotations

from mimo.tokenizers.base import Tokenizer


class PlainTokenizer:
    """Another tokenizer's ids and pieces, none of them special."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.vocabulary: int = tokenizer.vocabulary
        self.end_ids: frozenset[int] = tokenizer.end_ids
        self.control_names: tuple[str, ...] = ()
        self.bos_token: str = tokenizer.bos_token
        self.eos_token: str = tokenizer.eos_token
        self.encode = tokenizer.encode
        self.least_tokens = tokenizer.least_tokens
        self.piece = tokenizer.piece

    def control(self, name: str) -> int | None:
        """Never an id: nothing is a control token here."""
        return None

    def is_control(self, token: int) -> bool:
        """Never: every token is text."""
        return False
