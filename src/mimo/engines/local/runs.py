"""A part of a prompt with rows of media in it: where its calls are cut, and the embeddings of a run of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from mimo.engines.local.media import Medium
from mimo.types import MediaRow


def borders(tokens: Sequence[int], position: int, chunk: int) -> Iterator[int]:
    """Where the calls end that decode `tokens`, of which the first stands at `position`: before and after rows of
    media, and at multiples of the `chunk`, so that it depends on the prompt alone."""
    for at in range(1, len(tokens)):
        if (tokens[at] < 0) != (tokens[at - 1] < 0) or (position + at) % chunk == 0:
            yield at
    yield len(tokens)


def embeddings(rows: Sequence[int]) -> NDArray[np.float32]:
    """[count, width] of `rows`, which are all of media and encoded."""
    made = []
    for row in rows:
        assert isinstance(row, MediaRow) and isinstance(row.source, Medium) and row.source.embeddings is not None
        made.append(row.source.embeddings[row.row])
    return np.stack(made)
