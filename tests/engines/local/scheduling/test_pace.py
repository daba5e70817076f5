"""How long those who run wait for prompts: as many steps as the rule says, whatever a call costs."""

from __future__ import annotations

import pytest

from mimo.engines.local.scheduling.pace import MOST_SECONDS, SHARE, Pace


def paced(step: float, token: float) -> Pace:
    """A pace that has seen steps and tokens of prompts of these seconds, and one call of each that was far slower."""
    now = 0.0
    pace = Pace(64, lambda: now)
    for slower in (1, 1, 20, 1):
        with pace.step():
            now += step * slower
        with pace.prompt(64):
            now += 64 * token * slower
    return pace


@pytest.mark.parametrize("token", [0.0002, 0.006])
def test_where_nobody_runs_a_round_is_a_second_of_prompts(token: float) -> None:
    assert paced(0.02, token).room(1, 0) == pytest.approx(max(64, MOST_SECONDS / token), abs=1)


def test_a_running_stream_waits_for_a_few_steps_of_its_own_and_not_for_one_slow_call() -> None:
    assert paced(0.1, 0.001).room(1, 1) == pytest.approx(SHARE * 100, abs=1)
    assert paced(0.02, 0.006).room(1, 1) == 64  # at least a chunk


def test_the_more_prompts_wait_for_each_stream_the_more_of_them_go_first() -> None:
    pace = paced(0.01, 0.0001)
    assert pace.room(4, 2) == pytest.approx(2 * pace.room(2, 2), abs=2)
    assert pace.room(1, 8) == pace.room(8, 8)
    assert pace.room(1000, 1) == pytest.approx(MOST_SECONDS / 0.0001, abs=1)
