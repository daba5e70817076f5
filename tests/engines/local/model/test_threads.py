"""How many threads compute: more for what takes long, and never another result."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from mimo.engines.local.model.calls import LONG
from mimo.engines.local.model.model import LocalModel
from mimo.engines.local.model.options import DecodeCall, ModelOptions
from mimo.llamacpp.library import Library
from mimo.nano import gguf_path

ROWS = 24


class Clock:
    """Time that passes only while a call computes: `seconds` a call."""

    seconds = 0.0
    now = 0.0

    def __call__(self) -> float:
        self.now += self.seconds
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def calls() -> list[DecodeCall]:
    return []


@pytest.fixture
def model(clock: Clock, calls: list[DecodeCall]) -> Iterator[LocalModel]:
    """Nano, with one thread for short calls and two for long ones."""
    passed = 0.0

    def wall() -> float:
        """Two threads take half as long."""
        nonlocal passed
        passed += clock.seconds / (made.threads if clock.seconds else 1)
        return passed

    options = ModelOptions(ROWS, 1024, threads=1, long_threads=2, observer=calls.append, clock=clock, wall=wall)
    made = LocalModel(Library(), gguf_path(), options)
    yield made
    made.close()


def logits(model: LocalModel) -> list[np.ndarray]:
    """Of a prompt in chunks whose cache passes 512 cells, of many rows and of two."""
    model.kv.clear()
    prompt = [20 + at % 900 for at in range(640)]
    out = []
    for at in range(0, 640, 64):
        out.append(model.decode_prompt(0, prompt[at : at + 64], at, last=True).copy())
    for slot in range(1, ROWS):
        model.decode_prompt(slot, prompt[slot : slot + 20], 0, last=True)
    positions = [640] + [20] * (ROWS - 1)
    out.append(model.decode_step(list(range(ROWS)), list(range(100, 100 + ROWS)), positions, [True] * ROWS).copy())
    out.append(model.decode_step([0, 1], [300, 301], [641, 21], [True, True]).copy())
    return out


def test_the_logits_do_not_depend_on_the_number_of_threads(model: LocalModel, calls: list[DecodeCall]) -> None:
    one = logits(model)
    assert {call.threads for call in calls} == {1}
    calls.clear()
    more = LocalModel(Library(), gguf_path(), ModelOptions(ROWS, 1024, threads=2, observer=calls.append))
    two = logits(more)
    more.close()
    assert {call.threads for call in calls} == {2}
    assert all(np.array_equal(left, right) for left, right in zip(one, two, strict=True))


def test_a_call_that_takes_long_gets_all_threads_and_a_short_one_does_not(
    model: LocalModel, clock: Clock, calls: list[DecodeCall]
) -> None:
    model.decode_prompt(0, [20, 21, 22], 0, last=True)
    for at in range(2):
        clock.seconds = 1.0
        model.decode_step(list(range(16)), [30] * 16, [3 + at] + [at] * 15, [True] * 16)
        clock.seconds = 1e-4
        model.decode_step([16, 17], [30, 30], [at, at], [True, True])
    assert [(len(call.slots), call.threads) for call in calls if call.step] == [(16, 1), (2, 1), (16, 2), (2, 1)]


def test_time_that_other_programs_take_brings_no_thread() -> None:
    clock = ModelOptions(ROWS, 1024).clock
    before = clock()
    time.sleep(0.1)  # as a process waits for a processor
    assert clock() - before < LONG


def test_one_slow_call_brings_no_thread(model: LocalModel, clock: Clock, calls: list[DecodeCall]) -> None:
    for at, seconds in enumerate((4 * LONG, 0.0, 0.0)):
        clock.seconds = seconds
        model.decode_step([0, 1], [30, 30], [at, at], [True, True])
    assert [call.threads for call in calls] == [1, 1, 1]
