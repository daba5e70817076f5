"""The cells of metrics: shared by processes, bounded, and read as one."""

from __future__ import annotations

import os

from mimo.telemetry.cells import Cells
from mimo.telemetry.table import METRICS, OTHER, UNKNOWN, label_values

VALUES = label_values(["openai_chat"], ["mimo-v2-pro", "mimo-v2-flash"], ["http://a", "http://a"])
REQUESTS, FIRST, RUNNING = (
    METRICS[name] for name in ("mimo_requests_total", "mimo_time_to_first_token_seconds", "mimo_choices_running")
)


def value(cells, metric, labels=()):
    return dict(cells.each(metric))[labels][0]


def test_forked_processes_count_into_the_same_cells():
    cells = Cells(VALUES, 3)
    labels = ("openai_chat", "mimo-v2-pro", "200")
    children = []
    for place in range(3):
        if not (child := os.fork()):
            mine = cells.place(place).counter("mimo_requests_total", labels)
            for _ in range(1000):
                mine.add()
            cells.place(place).set("mimo_choices_running", place)
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert value(cells, REQUESTS, labels) == 3000
    assert value(cells, RUNNING) == 0 + 1 + 2
    assert dict(cells.by_place("mimo_choices_running")) == {0: 0, 1: 1, 2: 2}


def test_the_counts_of_a_worker_that_ended_stay_and_its_gauges_go():
    cells = Cells(VALUES, 2)
    for place in (0, 1):
        cells.place(place).counter("mimo_requests_total", ("openai_chat", UNKNOWN, "404")).add()
        cells.place(place).set("mimo_choices_running", 5)
    cells.clear_gauges(0)
    assert value(cells, RUNNING) == 5
    cells.place(0).counter("mimo_requests_total", ("openai_chat", UNKNOWN, "404")).add()  # its replacement
    assert value(cells, REQUESTS, ("openai_chat", UNKNOWN, "404")) == 3


def test_gauges_of_several_workers_become_one_as_their_row_says():
    cells = Cells(VALUES, 3)
    for place, slots, ready in ((0, 8, 1), (2, 8, 0)):
        cells.place(place).set("mimo_slots", slots)
        cells.place(place).set("mimo_ready", ready)
    assert value(cells, METRICS["mimo_slots"]) == 8
    assert value(cells, METRICS["mimo_ready"]) == 0
    assert dict(cells.each(METRICS["mimo_prompt_cache_bytes"])) == {}  # nobody has said


def test_a_value_is_counted_in_the_first_bucket_that_it_does_not_exceed():
    cells = Cells(VALUES)
    place, labels = cells.place(0), ("mimo-v2-pro",)
    for seconds in (0.0, FIRST.buckets[0], FIRST.buckets[0] * 1.01, 10**9):
        place.histogram(FIRST.name, labels).observe(seconds)
    *counts, total = dict(cells.each(FIRST))[labels]
    assert counts[0] == 2 and counts[1] == 1 and counts[len(FIRST.buckets)] == 1
    assert sum(counts) == 4 and total > 10**9


def test_values_that_nobody_foresaw_make_no_new_series():
    cells = Cells(VALUES)
    before = len(list(cells.each(REQUESTS)))
    for made_up in range(500):
        labels = (f"p{made_up}", f"model-{made_up}", str(600 + made_up))
        cells.place(0).counter("mimo_requests_total", labels).add()
    assert len(list(cells.each(REQUESTS))) == before
    assert value(cells, REQUESTS, (OTHER, UNKNOWN, OTHER)) == 500
