"""Prompts with rows of media in them: where calls are cut, which positions rows take, and their embeddings.

A row takes a position as a token does, with two exceptions. In a model with M-RoPE an image's positions are its rows
and columns, and what follows it goes on after the longer side: the image takes fewer positions than it has rows, and
tokens cannot be taken back from its midst. And there are images whose rows see those after them: they are decoded in
one call, `whole`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from mimo.engines.local.media import Medium
from mimo.types import MediaRow


def borders(tokens: Sequence[int], index: int, chunk: int) -> Iterator[int]:
    """Where the calls end that decode `tokens`, of which the first is the prompt's token `index`: where text and media
    meet, around media that are decoded in one call, and at multiples of the `chunk` outside of those, so that it
    depends on the prompt alone."""
    whole = _whole(tokens[0])
    for at in range(1, len(tokens)):
        before, whole = whole, _whole(tokens[at])
        meet = (tokens[at] < 0) != (tokens[at - 1] < 0)
        if meet or before is not whole or (whole is None and (index + at) % chunk == 0):
            yield at
    yield len(tokens)


def _medium(token: int) -> Medium | None:
    if not isinstance(token, MediaRow):
        return None
    assert isinstance(token.source, Medium)
    return token.source


def _whole(token: int) -> Medium | None:
    """The medium of a row that is decoded in one call with the others of it."""
    medium = _medium(token)
    return medium if medium is not None and medium.rows.whole else None


def is_whole(rows: Sequence[int]) -> bool:
    """Whether a run of rows is decoded in one call because they see those after them."""
    return _whole(rows[0]) is not None


def after_whole(tokens: Sequence[int], length: int, grain: int = 1) -> int:
    """The least multiple of `grain` from `length` on, or the number of all `tokens`, where a call may end: not in the
    midst of rows that are decoded in one call."""
    while 0 < length < len(tokens) and (medium := _whole(row := tokens[length - 1])) is not None:
        assert isinstance(row, MediaRow)
        if (left := medium.rows.count - row.row - 1) == 0:
            return length
        length += -(-left // grain) * grain
    return min(length, len(tokens))


def before_medium(tokens: Sequence[int], length: int, grain: int = 1) -> int:
    """The most tokens up to `length`, a multiple of `grain`, that a sequence with `tokens` can be cut to: not in the
    midst of a medium that is decoded in one call or takes fewer positions than rows."""
    while length > 0 and (inside := rows_inside(tokens, length)):
        length = (length - inside) // grain * grain
    return length


def rows_inside(tokens: Sequence[int], length: int) -> int:
    """How many rows of a medium that cannot be cut are the last of the first `length` tokens, where it goes on after
    them; else 0."""
    token = tokens[length - 1]
    medium = _medium(token)
    if medium is None or not (medium.rows.whole or medium.rows.positions < medium.rows.count):
        return 0
    assert isinstance(token, MediaRow)
    return (token.row + 1) % medium.rows.count


def savings(tokens: Sequence[int]) -> Iterator[tuple[int, int]]:
    """For each medium that ends in `tokens` and takes fewer positions than rows: how many tokens there are up to its
    end, and how many positions fewer."""
    for at, token in enumerate(tokens, 1):
        medium = _medium(token)
        ends = isinstance(token, MediaRow) and medium is not None and token.row + 1 == medium.rows.count
        if ends and medium is not None and medium.rows.positions < medium.rows.count:
            yield at, medium.rows.count - medium.rows.positions


def embeddings(rows: Sequence[int]) -> NDArray[np.float32]:
    """[count, width] of `rows`, which are all of media and encoded."""
    made = []
    for row in rows:
        medium = _medium(row)
        assert isinstance(row, MediaRow) and medium is not None and medium.embeddings is not None
        made.append(medium.embeddings[row.row])
    return np.stack(made)


def places(rows: Sequence[int], first: int) -> tuple[NDArray[np.int32], int]:
    """The positions [4, count] of `rows`, which are all of media, in a model with M-RoPE, and the one after them.

    `first`: of the medium that the first row is of, where that takes fewer positions than rows; else of the row. So is
    what comes back.
    """
    made, at = [], 0
    while at < len(rows):
        row, medium = rows[at], _medium(rows[at])
        assert isinstance(row, MediaRow) and medium is not None
        count = min(medium.rows.count - row.row, len(rows) - at)
        spread = medium.rows.positions < medium.rows.count
        start = first if spread else first - row.row
        made.append(medium.chunks.places(medium.rows, start)[:, row.row : row.row + count])
        ends = row.row + count == medium.rows.count
        first = start + (medium.rows.positions if ends else 0 if spread else row.row + count)
        at += count
    return np.concatenate(made, axis=1), first
