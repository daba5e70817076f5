"""What was promised, what was reached, and whether that is enough: one row a target, computed from the results.

A row that was not measured says why. Nothing here measures; nothing here is written by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench import extras
from bench.busy import CHOSEN
from bench.engines import BARE, LLAMA, OURS, VLLM
from bench.gateway import DIRECT, LITELLM, MIMO
from bench.rounds import middle, ratios

Results = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """One row. `reached` in the unit of `wanted`; None: not measured, and `note` says why."""

    what: str
    wanted: float
    reached: float | None
    at_most: bool = False
    note: str = ""
    bound: float | None = None
    """What the forward passes alone would reach, sampling and serving costing nothing."""

    @property
    def met(self) -> bool | None:
        """None if it was not measured."""
        if self.reached is None:
            return None
        return self.reached <= self.wanted if self.at_most else self.reached >= self.wanted


def targets(results: Results) -> list[Target]:
    """All rows, in the order of the promise."""
    return [
        *_sampler(results.get("sampler")),
        *_engines(results.get("engines", {})),
        *_server(results),
        *_gateway(results.get("gateway")),
        *_extras(results.get("extras")),
        *_busy(results.get("busy")),
    ]


def _sampler(found: Mapping[str, Mapping[str, float]] | None) -> Iterator[Target]:
    """From the best of all rounds: what else runs on the machine can only make a row slower."""

    def ratio(over: str, under: str) -> tuple[float | None, str]:
        if not found:
            return None, "the sampler was not measured in this run"
        missing = [name for name in (over, under) if name not in found]
        if missing:
            return None, f"{missing[0]} is not installed"
        return found[over]["best"] / found[under]["best"], ""

    for kind, passes, chain in (("peaked", 12, 10), ("flat", 40, 40)):
        mine, one = f"ours, {kind}", "numpy.max, one row"
        reached, note = ratio(mine, one)
        yield Target(f"sampler, 152,576 {kind} logits, ÷ numpy.max of the row", passes, reached, True, note)
        reached, note = ratio(f"llama.cpp's chain, {kind}", mine)
        yield Target(f"sampler, {kind}: llama.cpp's chain ÷ ours", chain, reached, note=note)
        if kind == "peaked":
            reached, note = ratio(f"torch's sort path, {kind}", mine)
            yield Target(f"sampler, {kind}: torch's sort path ÷ ours", 50, reached, note=note)
    reached, note = ratio("ours, 32 rows peaked, 1 thread", "ours, 32 rows peaked, 2 threads")
    yield Target("sampler, 32 rows: one thread ÷ two threads", 1.7, reached, note=note)
    reached, note = ratio("ours, peaked, penalties, 4000 tokens", "ours, peaked")
    yield Target("sampler, penalties on, 4,000 tokens generated, ÷ penalties off", 1.1, reached, True, note)


def _engines(models: Mapping[str, Any]) -> Iterator[Target]:
    for name, model in models.items():
        for streams, wanted in (("1", 0.85), ("8", 0.9), ("32", 0.9)):
            reached = _ratio(model, streams, OURS, BARE)
            yield Target(f"{name}: tokens/s at {_streams(streams)} ÷ the bare loop", wanted, reached)
    for name, model in models.items():
        many, one = (8, 3) if "152,576" in name else (2, 1.2)
        for streams, wanted in (("32", many), ("1", one)):
            reached = _ratio(model, streams, OURS, LLAMA)
            bound = _ratio(model, streams, BARE, LLAMA)
            yield Target(f"{name}: tokens/s at {_streams(streams)} ÷ llama-server", wanted, reached, bound=bound)
    measured = {name: model for name, model in models.items() if VLLM in model["rates"].get("32", {})}
    for name, model in measured.items():
        reached = _ratio(model, "32", OURS, VLLM)
        bound = _ratio(model, "32", BARE, VLLM)
        yield Target(f"{name}: tokens/s at 32 streams ÷ vLLM on CPU, same shape", 2, reached, bound=bound)
    if not measured:
        yield Target("tokens/s at 32 streams ÷ vLLM on CPU, same shape", 2, None, note="vLLM is not installed")


def _ratio(model: Mapping[str, Any], streams: str, over: str, under: str) -> float | None:
    rates = model["rates"].get(streams, {})
    return middle(ratios(rates[over], rates[under])) if over in rates and under in rates else None


def _streams(count: str) -> str:
    return "1 stream" if count == "1" else f"{count} streams"


def _server(results: Results) -> Iterator[Target]:
    rates = results["chunks"]["rates"] if "chunks" in results else None
    mine = middle(rates["ours"]["cpu"]) if rates else None
    share = middle(ratios(rates["ours"]["cpu"], rates["server alone"]["cpu"])) if rates else None
    yield Target("free engine, 32 streams: chunks per second of a server core", 100_000, mine)
    yield Target("the same ÷ the server alone with constant bytes", 0.5, share)
    first = results.get("first byte")
    yield Target("free engine, one token: first byte, p50, ms", 1, first and 1e3 * middle(first["byte"]), True)
    start = results.get("start", {})
    for kind, wanted, word in (("warm", 2, "warm"), ("first", 10, "the very first")):
        series = start.get(kind)
        yield Target(f"start to /readyz with nano, {word}, s", wanted, middle(series) if series else None, True)


def _gateway(found: Mapping[str, Mapping[str, list[float]]] | None) -> Iterator[Target]:
    note = "" if found else "the gateway was not measured in this run"
    added = [one - other for one, other in zip(found[MIMO]["p50"], found[DIRECT]["p50"], strict=True)] if found else []
    yield Target("gateway: added latency, p50, ms", 1, middle(added) if found else None, True, note)
    for key, wanted, what in (
        ("requests_core", 2000, "small requests a second of a core"),
        ("chunks_core", 50_000, "streamed chunks a second of a core"),
    ):
        yield Target(f"gateway: {what}", wanted, middle(found[MIMO][key]) if found else None, note=note)
    for key, wanted, what in (("requests", 15, "requests/s"), ("chunks", 10, "chunks/s")):
        there = found is not None and LITELLM in found
        reached = middle(ratios(found[MIMO][key], found[LITELLM][key])) if found and there else None
        yield Target(f"gateway: {what} ÷ LiteLLM's proxy", wanted, reached, note=note or "LiteLLM is not installed")


def _extras(found: Mapping[str, Mapping[str, list[float]]] | None) -> Iterator[Target]:
    for name, most in ((extras.ACCOUNTS, 1.1), (extras.METRICS, 1.02)):
        rate = middle(ratios(found[extras.BARE]["requests_core"], found[name]["requests_core"])) if found else None
        yield Target(f"{name}: requests a second of a core without them ÷ with them", most, rate, True)
    added = middle(found[extras.ACCOUNTS]["p50"]) - middle(found[extras.BARE]["p50"]) if found else None
    yield Target("accounts: added latency, p50, ms", 0.1, added, True)


def _busy(found: Mapping[str, Mapping[str, list[float]]] | None) -> Iterator[Target]:
    rates = found["busy"] if found else {}
    fixed = max((middle(series) for name, series in rates.items() if name != CHOSEN), default=None)
    reached = middle(rates[CHOSEN]) / fixed if fixed else None
    yield Target("busy machine, 4 streams: tokens/s by the threads mimo takes ÷ the best fixed count", 0.9, reached)
