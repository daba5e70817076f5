"""Claims about the part of the benchmark that runs real weights: its points, its figures, its files."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bench.load import LoadError, Reading
from bench.peers import Question
from bench.real import files, page
from bench.real.grid import Grid, percentile
from bench.real.servers import ALL, LLAMA_SAME, SAME, Unseeded


def found(streams: str, **changes: float) -> dict[str, Any]:
    figures = {"rate": 100.0, "first": 0.1, "first p99": 0.2, "gap p99": 0.02}
    point = {name: [{**figures, **changes} if name == SAME else figures] for name in ALL}
    return {
        "points": {f"{streams} × 32": point},
        "turns": {name: [0.1] for name in ALL},
        "busy": {name: [figures] for name in ALL[:1]},
        "idle": {name: 300.0 for name in ALL} | {LLAMA_SAME: 200.0},
        "memory": {name: 400.0 for name in ALL},
    }


def test_a_percentile_is_one_of_the_values() -> None:
    values = tuple(float(value) for value in range(1, 201))
    assert (percentile(values, 50), percentile(values, 99)) == (100.0, 198.0)
    assert percentile((3.0,), 99) == 3.0
    assert percentile((), 99) == 0.0


def test_points_whose_prompts_would_take_minutes_are_left_out() -> None:
    points = Grid().points()
    assert {(1, 4000), (8, 4000), (32, 1000)} <= set(points)
    assert (32, 4000) not in points


def test_eight_streams_are_compared_with_the_same_slots() -> None:
    rows = {row.what: row for row in page.targets_of({"tiny": found("8", rate=130.0)})}
    assert rows["tiny: tokens/s, 8 streams, prompt of 32, ÷ llama-server"].met is True
    assert rows["tiny: first token p99, 8 at once, prompt of 32, ÷ llama-server"].met is False
    assert rows["tiny: memory idle, above llama-server's, same slots, MB"].reached == 100


def test_the_page_has_a_cell_for_every_server() -> None:
    text = page.tables_of({"real": {"tiny": found("8", rate=130.0)}})
    assert all(name in text for name in ALL)
    assert "130 · 100 / 200 · 20.0" in text


def test_no_seed_is_sent_whatever_the_other_parts_send() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    body = Unseeded("http://127.0.0.1:1", process, {"seed": 1, "ignore_eos": True}).body(Question([], []), 5, 1)
    assert "seed" not in body
    assert body["ignore_eos"] is True


def test_gaps_are_between_reads_with_text() -> None:
    reading = Reading()
    reading.take(b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n', 1.0)
    reading.take(b'data: {"choices":[{"delta":{"content":"b"}}]}\n\n', 1.5)
    reading.take(b": keep-alive\n\n", 2.0)
    reading.take(b'data: {"choices":[{"delta":{"content":"c"}}]}\n\n', 3.0)
    assert reading.first == 1.0
    assert reading.gaps == [0.5, 1.5]


def test_a_model_with_another_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIMO_BENCH_MODELS", str(tmp_path))
    (tmp_path / "SmolLM2-135M-Q4_1.gguf").write_bytes(b"GGUF")
    with pytest.raises(LoadError, match="delete it to fetch it again"):
        files.model_file("SmolLM2-135M Q4_1")
