"""The smallest tokenizer that can speak MiMo's format: one id a byte, and MiMo's control tokens after them.

Ships for the scripted engine and for tests. It knows no model; a subclass may append entries to `pieces` (and raise
`vocabulary` with them) to give whole texts an id of their own.
"""

from __future__ import annotations

from mimo.types import CALL, THINK

CONTROL_NAMES = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    *THINK,
    *CALL,
    "<tool_response>",
    "</tool_response>",
)


class ByteTokenizer:
    """Ids 0–255 are bytes; from 256 on come MiMo's control tokens in the order of `CONTROL_NAMES`."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = [bytes([value]) for value in range(256)]
        self.pieces += [name.encode() for name in CONTROL_NAMES]
        self.vocabulary: int = len(self.pieces)
        self.control_names: tuple[str, ...] = CONTROL_NAMES
        self.bos_token: str = ""
        self.eos_token: str = "<|im_end|>"
        self._controls = {name: 256 + at for at, name in enumerate(CONTROL_NAMES)}
        self.end_ids: frozenset[int] = frozenset({self._controls["<|endoftext|>"], self._controls["<|im_end|>"]})

    def encode(self, text: str) -> list[int]:
        """One id a byte of the UTF-8 form. Raises UnicodeEncodeError for a lone surrogate."""
        return list(text.encode())

    def least_tokens(self, text: str) -> int:
        """At least one a character."""
        return len(text)

    def control(self, name: str) -> int | None:
        """The id of the control token written `name`, or None."""
        return self._controls.get(name)

    def piece(self, token: int) -> bytes:
        """The bytes `token` stands for. Raises IndexError outside the vocabulary."""
        if token < 0:
            raise IndexError(f"token {token} is outside the vocabulary")
        return self.pieces[token]

    def is_control(self, token: int) -> bool:
        """Whether `token` is one of the control tokens."""
        return 256 <= token < 256 + len(CONTROL_NAMES)
