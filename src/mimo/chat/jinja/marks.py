"""Media in a conversation that a template writes: a mark stands in the text for each, and is found in the output.

So a template need know nothing of media, and whatever it knows of them is not asked. Knows no template.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import structs

from mimo.chat.base import Piece, content_of
from mimo.contract.errors import UnsupportedInput
from mimo.types import Media, Message


def marked(message: Message, mark: str) -> Message:
    """`message` with `mark` in its text at the place of each medium."""
    if not message.parts:
        return message
    content = "".join(piece if isinstance(piece, str) else mark for piece in content_of(message))
    return structs.replace(message, content=content, parts=())


def at_marks(pieces: Iterable[Piece], mark: str, media: Sequence[Media]) -> list[Piece]:
    """`pieces` with `media`, in their order, in place of the marks. Raises `UnsupportedInput` where some are gone, or
    are there twice: nobody knows then which is which."""
    made: list[Piece] = []
    left = list(media)
    for piece in pieces:
        if not isinstance(piece, str):
            made.append(piece)
            continue
        first, *others = piece.split(mark)
        made.append(first)
        for other in others:
            made += [left.pop(0) if left else media[0], other]
    if sum(isinstance(piece, Media) for piece in made) != len(media):
        words = f"{media[0].path}: the model's chat template does not write what stands for media where it is"
        raise UnsupportedInput(words, param=media[0].path)
    return made
