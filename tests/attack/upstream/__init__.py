"""Answers that no upstream should give, as behaviours of a fake one: bytes, framing, shapes, lengths, silence.

Each is for one engine, whose good answer it spoils, or for all. Knows no server of ours.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.attack.upstream.base import Case
from tests.attack.upstream.content import events, shapes, sizes, tokens
from tests.attack.upstream.transport import cuts, framing, heads, statuses

FAMILIES = (heads, framing, statuses, events, shapes, tokens, cuts, sizes)


def cases(engine: str) -> Iterator[Case]:
    """Every case of `engine` by its name, which begins with its family."""
    for family in FAMILIES:
        for name, behaviour in family(engine):
            yield f"{family.__name__}: {name}", behaviour
