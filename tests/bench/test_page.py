"""Claims about the targets and the page that shows them."""

import json
from pathlib import Path

import pytest
from bench import tables
from bench.targets import Target, targets

ROOT = Path(__file__).parents[2]


def engine(rates: dict[str, list[float]]) -> dict[str, object]:
    both = {"1": rates, "32": rates}
    return {"threads": [1, 2], "prompt": [16, 16], "tokens": {"1": 8, "32": 8}, "rates": both, "costs": both}


RATES = {
    "bare": [100.0, 110.0],
    "ours": [80.0, 88.0],
    "ours, invariance off": [90.0, 99.0],
    "llama-server": [40.0, 44.0],
}


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    rows = targets({})
    assert rows and all(row.met is None for row in rows)
    assert "not measured" in tables.targets(rows)


def test_no_target_takes_the_better_of_two_settings() -> None:
    rows = {row.what: row for row in targets({"engines": {"tiny": engine(RATES)}})}
    assert rows["tiny: tokens/s at 1 stream ÷ the bare loop"].reached == pytest.approx(0.8)
    assert rows["tiny: tokens/s at 32 streams ÷ the bare loop"].reached == pytest.approx(0.8)
    assert rows["tiny: tokens/s at 32 streams ÷ llama-server"].met is True


def test_a_missed_target_is_said_so() -> None:
    assert Target("x", 2.0, 1.9).met is False
    assert Target("x", 2.0, 1.9, at_most=True).met is True
    assert "**no**" in tables.targets([Target("x", 2.0, 1.9)])
    assert "1.90 (at most 1.95)" in tables.targets([Target("x", 2.0, 1.9, bound=1.95)])


def test_a_large_vocabulary_has_its_own_target() -> None:
    rows = {row.what: row for row in targets({"engines": {"random, 152,576, flat": engine(RATES)}})}
    assert rows["random, 152,576, flat: tokens/s at 32 streams ÷ llama-server"].wanted == 8


GATEWAY = {
    "direct": {"p50": [0.1, 0.1], "requests": [9e4, 9e4], "requests_core": [1e5, 1e5], "chunks": [1e6, 1e6]},
    "mimo": {"p50": [0.6, 0.8], "requests": [2000.0, 2000.0], "requests_core": [1900.0, 2300.0], "chunks": [9e4, 9e4]},
    "LiteLLM": {"p50": [8.0, 8.0], "requests": [100.0, 200.0], "requests_core": [100.0, 90.0], "chunks": [1e3, 1e3]},
}
for row in GATEWAY.values():
    row |= {"chunks_core": [1e5, 1e5], "memory": [100.0, 100.0]}


def test_the_gateway_is_measured_against_the_direct_way_and_litellm_round_by_round() -> None:
    rows = {row.what: row for row in targets({"gateway": GATEWAY})}
    assert rows["gateway: added latency, p50, ms"].reached == pytest.approx(0.6)
    assert rows["gateway: small requests a second of a core"].met is True
    assert rows["gateway: requests/s ÷ LiteLLM's proxy"].reached == pytest.approx(15)
    alone = targets({"gateway": {name: GATEWAY[name] for name in ("direct", "mimo")}})
    assert {row.note for row in alone if "LiteLLM" in row.what} == {"LiteLLM is not installed"}
    assert tables.gateway({"gateway": GATEWAY}).count("\n") == 4


def test_numbers_have_three_figures() -> None:
    assert [tables.number(value) for value in (0.123, 12.34, 1234.5)] == ["0.12", "12.3", "1,234"]
    assert tables.measured([90, 100, 110]) == "100 ±10 %"
    assert tables.measured([0.5], 1e3) == "500"


def test_text_is_put_between_its_markers_only() -> None:
    page = "a\n<!-- x -->\nold\n<!-- /x -->\nb"
    assert tables.replaced(page, "x", "new") == "a\n<!-- x -->\nnew\n<!-- /x -->\nb"
    with pytest.raises(ValueError, match="no place"):
        tables.replaced(page, "y", "new")


def test_an_engine_that_is_missing_has_no_column() -> None:
    text = tables.engines({"engines": {"tiny": engine(RATES)}})
    assert "vLLM" not in text and "llama-server" in text and "88.0" not in text.splitlines()[0]


def test_the_page_has_a_place_for_every_table() -> None:
    page = (ROOT / "docs/benchmarks.md").read_text("utf-8")
    for name in ("machine", "targets", "engines", "growth", "server", "sampler"):
        tables.replaced(page, name, json.dumps(name))


def test_what_is_on_beside_the_gateway_is_measured_against_none_of_it_round_by_round() -> None:
    off = {"p50": [1.0, 1.2], "requests_core": [2000.0, 1000.0]}
    on = {"p50": [1.05, 1.25], "requests_core": [1600.0, 800.0]}
    rows = {row.what: row for row in targets({"extras": {"nothing": off, "metrics": off, "accounts": on}})}
    assert rows["accounts: requests a second of a core without them ÷ with them"].reached == pytest.approx(1.25)
    assert rows["accounts: added latency, p50, ms"].met is True
    assert rows["metrics: requests a second of a core without them ÷ with them"].reached == pytest.approx(1.0)


def test_threads_on_a_busy_machine_are_measured_against_the_best_fixed_count() -> None:
    rates = {"chosen": [90.0, 90.0], "1": [100.0, 100.0], "2": [50.0, 50.0]}
    (row,) = [row for row in targets({"busy": {"idle": rates, "busy": rates}}) if "busy machine" in row.what]
    assert row.reached == pytest.approx(0.9) and row.met is True
