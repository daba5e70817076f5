"""A script as it is read from its file, and its steps as tokens. Knows no request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mimo.tokenizers.bytes import ByteTokenizer

Step = str | list[int] | dict[str, object]
Move = int | dict[int, float] | None
"""A step after reading the script: the token to play, or the logits to sample from, or all of them the same."""


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """What is played for prompts that hold `when` (every prompt if empty)."""

    steps: list[Step]
    when: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """The file, decoded. `delay` in seconds a step, `context_window` in tokens, `queue` in requests at once."""

    answers: list[ScriptedAnswer]
    delay: float = 0.0
    context_window: int = 32768
    queue: int = 64


class ScriptedTokenizer(ByteTokenizer):
    """One byte a token for prompts, and one token more for each distinct text of the script."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: dict[bytes, int] = {}

    def text(self, text: str | bytes) -> int:
        """The id that stands for `text`, made on first use; the name of a control token is that token."""
        if isinstance(text, str):
            if (control := self.control(text)) is not None:
                return control
            text = text.encode()
        if text not in self._texts:
            self._texts[text] = self.vocabulary
            self.pieces.append(text)
            self.vocabulary += 1
        return self._texts[text]


def moves_of(steps: list[Step], tokenizer: ScriptedTokenizer) -> Iterator[Move]:
    """The steps as tokens of `tokenizer`, which learns their texts. Raises `ValueError` for what is no step."""
    for step in steps:
        match step:
            case str():
                yield tokenizer.text(step)
            case list():
                yield tokenizer.text(bytes(step))
            case {"logits": dict() as logits}:
                yield {tokenizer.text(str(text)): float(value) for text, value in logits.items()}
            case {"random": True}:
                yield None
            case {"repeat": int() as times, "steps": list() as inner}:
                yield from list(moves_of(inner, tokenizer)) * times
            case _:
                raise ValueError(f"a step must be a string, an array of bytes, logits, random or repeat, got {step!r}")
