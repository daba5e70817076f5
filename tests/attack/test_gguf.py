"""Every hostile GGUF ends in an answer or in one line, never in a traceback, a hang, or an abort without a word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attack.hostile_gguf import File, cases
from tests.attack.zygote import Zygote

pytestmark = pytest.mark.attack

CASES = dict(cases())
ENDS = {0, 1, 70, -4, -6, -7, -8, -9, -11}
"""Served; refused; given up by llama.cpp; died of a signal, which another process explains."""


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote() as running:
        yield running


def test_no_case_is_there_twice() -> None:
    assert len(CASES) == len(list(cases())) > 800


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_file_ends_in_an_answer_or_in_one_line(zygote: Zygote, tmp_path: Path, name: str) -> None:
    path = tmp_path / "hostile.gguf"
    case = CASES[name]
    path.write_bytes(case.bytes() if isinstance(case, File) else case)
    size = ["--context-window", "256", "--slots", "2", "--threads", "1", "--max-completion-tokens", "3"]
    run = zygote.run("chat", "Hello wörld 12 <think>", "--model", str(path), *size, seconds=60)
    path.unlink()
    lines = [line for line in run.errors.splitlines() if line.strip()]
    assert run.status in ENDS, f"{run.status}: {run.errors}"
    if run.status == 0:
        assert not lines, run.errors
    else:
        assert len(lines) == 1 and lines[0].startswith("mimo: "), run.errors


def test_the_shipped_file_written_again_is_served(zygote: Zygote, tmp_path: Path) -> None:
    """So that a refusal above is one of the change, and not of the writer."""
    from tests.attack.hostile_gguf import nano

    path = tmp_path / "same.gguf"
    path.write_bytes(nano().bytes())
    run = zygote.run("chat", "Hello", "--model", str(path), "--max-completion-tokens", "3", seconds=60)
    assert (run.status, run.errors) == (0, "")
