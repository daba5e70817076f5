"""What mimo needs of a tokenizer: text to ids without control tokens, ids to bytes, control tokens by name."""

from __future__ import annotations

from typing import Protocol


class Tokenizer(Protocol):
    """A vocabulary. Implementations must be safe to call from the event loop."""

    vocabulary: int
    """Number of ids, padding rows included."""

    end_ids: frozenset[int]
    """Ids that end a turn."""

    control_names: tuple[str, ...]
    """How the control tokens are written, each once; `control` knows every one of them. None is empty."""

    bos_token: str
    """What chat templates call `bos_token`: the name of the token a prompt begins with, "" if there is none."""

    eos_token: str
    """What chat templates call `eos_token`: the name of the token that ends a turn, "" if there is none."""

    def encode(self, text: str) -> list[int]:
        """Ids of plain text. Nothing in `text` ever becomes a control token; no BOS is added.

        Raises UnicodeEncodeError for a lone surrogate. Text cut in two and encoded apart may give other ids.
        """

    def least_tokens(self, text: str) -> int:
        """A lower bound on `len(encode(text))`, quick to find for a long text; 0 where none is known."""

    def control(self, name: str) -> int | None:
        """The id of the control token written `name` (`<|im_end|>`), or None if the vocabulary has none."""

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; a control token gives its name. Raises IndexError outside the vocabulary."""

    def is_control(self, token: int) -> bool:
        """Whether `token` is a control token (or one marked as such by the user's file)."""
