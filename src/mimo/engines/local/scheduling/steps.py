"""Which rows a decode call of a step holds: the running sequences, and what makes the call fit for the exact ones.

llama.cpp computes neighbouring sequences together and others one after another, so a call holds neighbours; idle slots
between them, where they are few, get a dummy token that is taken back. An exact row, whose bits may not depend on
company, needs a call with the logits of two rows at least: where it is alone, the second one is a dummy token that
follows it in its own sequence. Where tokens cannot be taken back (recurrent state) it always has a call of its own.
Knows no tokens and no logits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from mimo.engines.local.sequence import Slot

WIDE_GAP = 2
"""Idle slots from one running slot to the next: beyond it a call of its own costs less than idle rows."""


class Row(NamedTuple):
    """A row of a call. `real`: it is the running sequence's next token, and not a dummy; `given`: its logits are."""

    slot: Slot
    real: bool
    given: bool
    ahead: int = 0
    """How many tokens it stands after the next position of its slot."""


def calls(
    running: Sequence[Slot], slots: Sequence[Slot], exact: Callable[[Slot], bool], *, rewindable: bool
) -> Iterator[list[Row]]:
    """The rows of each call, by ascending slot; every one of `running` in one of them. `exact`: which are."""
    for group in _neighbours(running, exact, rewindable=rewindable):
        if len(group) > 1:
            wanted = set(map(id, group))
            between = slots[group[0].index : group[-1].index + 1]
            yield [Row(slot, id(slot) in wanted, id(slot) in wanted) for slot in between]
        elif rewindable and exact(group[0]):
            yield [Row(group[0], True, True), Row(group[0], False, True, ahead=1)]
        else:
            yield [Row(group[0], True, True)]


def _neighbours(running: Sequence[Slot], exact: Callable[[Slot], bool], *, rewindable: bool) -> Iterator[list[Slot]]:
    """`running` in groups, with few other slots between two of one."""
    gap = WIDE_GAP if rewindable else 0
    group: list[Slot] = []
    for slot in running:
        apart = group and not rewindable and (exact(slot) or exact(group[-1]))
        if apart or (group and slot.index - group[-1].index > gap + 1):
            yield group
            group = []
        group.append(slot)
    if group:
        yield group
