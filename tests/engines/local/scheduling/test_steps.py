"""Which rows share a call: neighbours, few dummies, and never a lone exact row where tokens can be taken back."""

from __future__ import annotations

import random

from mimo.engines.local.scheduling.steps import WIDE_GAP, Row, calls
from mimo.engines.local.sequence import Slot

SLOTS = [Slot(index=index) for index in range(32)]


def rows(running: list[int], exact: list[int], rewindable: bool = True) -> list[list[tuple[int, bool, int]]]:
    """(slot, whether real, how far ahead) of every row, by call."""
    found = calls([SLOTS[at] for at in running], SLOTS, lambda slot: slot.index in exact, rewindable=rewindable)
    return [[(row.slot.index, row.real, row.ahead) for row in call] for call in found]


def test_a_lone_exact_row_brings_a_second_one_of_its_own_and_another_none() -> None:
    assert rows([5], exact=[5]) == [[(5, True, 0), (5, False, 1)]]
    assert rows([5], exact=[]) == [[(5, True, 0)]]


def test_few_idle_slots_are_filled_and_more_of_them_cut() -> None:
    near, far = 1 + WIDE_GAP, 2 + WIDE_GAP
    assert [len(call) for call in rows([0, near], exact=[])] == [2 + WIDE_GAP]
    assert rows([0, far], exact=[far]) == [[(0, True, 0)], [(far, True, 0), (far, False, 1)]]


def test_recurrent_state_gets_no_dummy_and_an_exact_row_no_company() -> None:
    assert rows([0, 1, 2, 4], exact=[1], rewindable=False) == [
        [(0, True, 0)], [(1, True, 0)], [(2, True, 0)], [(4, True, 0)]
    ]  # fmt: skip
    assert rows([0, 1], exact=[], rewindable=False) == [[(0, True, 0), (1, True, 0)]]


def test_every_running_slot_is_in_one_call_and_exact_ones_never_alone() -> None:
    """Seed 1, 300 cases."""
    dice = random.Random(1)
    for _ in range(300):
        running = sorted(dice.sample(range(32), dice.randrange(1, 20)))
        exact = [at for at in running if dice.random() < 0.5]
        found: list[list[Row]] = list(
            calls([SLOTS[at] for at in running], SLOTS, lambda slot, e=exact: slot.index in e, rewindable=True)  # type: ignore[misc]
        )
        assert [row.slot.index for call in found for row in call if row.real] == running
        for call in found:
            given = sum(row.given for row in call)
            assert given >= 2 or not any(row.slot.index in exact for row in call)
            assert [row.slot.index for row in call] == sorted(row.slot.index for row in call)
            assert [row.real for row in call if row.given][: sum(row.real for row in call)].count(False) == 0
