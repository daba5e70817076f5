"""Claims about processes for untrusted work: asking ends, however the work does."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import msgspec
import pytest

from mimo.child.process import Bounds, Died, Process
from mimo.child.worker import NICENESS


def ask(process: Process, job: str) -> dict[str, object]:
    return process.ask(msgspec.msgpack.encode(job))


@pytest.fixture
def process() -> Iterator[Process]:
    made = Process("tests.child.jobs", Bounds(seconds=0.3, memory=2**30, patience=20.0))
    made.start()
    yield made
    made.close()
    made.end()


def test_every_message_is_answered_in_turn(process: Process) -> None:
    assert [ask(process, job)["said"] for job in ("a", "b", "c")] == ["a", "b", "c"]


@pytest.mark.parametrize(("job", "cause"), [("compute", "time"), ("crash", "crash")])
def test_a_death_has_a_cause_and_another_process_goes_on(process: Process, job: str, cause: str) -> None:
    with pytest.raises(Died) as death:
        ask(process, job)
    assert death.value.cause == cause
    assert not process.running
    process.start()
    assert ask(process, "again") == {"said": "again"}


def test_a_process_that_sleeps_is_given_up() -> None:
    process = Process("tests.child.jobs", Bounds(seconds=5.0, memory=2**30, patience=2.0))
    process.start()
    with pytest.raises(Died) as death:
        ask(process, "sleep")
    assert death.value.cause == "patience"
    process.end()


def test_no_file_can_be_opened_inside(process: Process) -> None:
    assert ask(process, "open") == {"opened": False}


def test_memory_is_bounded_and_the_process_lives_on(process: Process) -> None:
    assert ask(process, "fill") == {"filled": None}
    assert ask(process, "still here") == {"said": "still here"}


def test_closing_ends_a_question_that_waits(process: Process) -> None:
    causes: list[str] = []

    def wait() -> None:
        try:
            ask(process, "sleep")
        except Died as death:
            causes.append(death.cause)

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.2)
    process.close()
    thread.join(10)
    assert causes == ["closed"]
    with pytest.raises(Died):
        process.start()


def test_the_server_comes_first_where_both_want_the_processor(process: Process) -> None:
    process.start()
    assert ask(process, "nice") == {"niceness": os.nice(0) + NICENESS}
