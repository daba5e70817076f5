"""Results → the tables of docs/benchmarks.md, written between its markers. Knows Markdown; measures nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.engines import ALL, BARE
from bench.gateway import DIRECT
from bench.rounds import middle, ratios, spread
from bench.targets import Target

Results = Mapping[str, Any]


def table(head: Sequence[str], rows: Iterable[Sequence[str]], align: str = "") -> str:
    """A Markdown table; `align`: one of l, r for each column, all but the first right by default."""
    align = align or "l" + "r" * (len(head) - 1)
    lines = [list(head), ["--:" if side == "r" else "---" for side in align], *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float) -> str:
    """Three figures, or all of a whole number, with thousands apart."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def measured(series: Sequence[float], scale: float = 1.0) -> str:
    """Median and spread: `1,234 ±3 %`."""
    text = number(scale * middle(series))
    return text if len(series) < 2 else f"{text} ±{100 * spread(series):.0f} %"


def replaced(page: str, name: str, text: str) -> str:
    """`page` with `text` between `<!-- name -->` and `<!-- /name -->`. ValueError if it has no such place."""
    found = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not found.search(page):
        raise ValueError(f"the page has no place for {name}")
    return found.sub(lambda match: f"{match[1]}{text}\n{match[2]}", page)


def machine(results: Results) -> str:
    """What it ran on, as a list."""
    on = results["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in on["packages"].items())
    load = ", ".join(str(load) for load in on["load_average"])
    busy = " (**somebody else was computing**)" if on["load_average"][0] > 0.5 * on["cores"] else ""
    return "\n".join(
        (
            f"- {on['day']}; {on['processor']}, {on['cores']} cores, {on['memory_gb']} GB; {on['system']}",
            f"- {packages}",
            f"- load average before the run: {load}{busy}",
            f"- `{results['command']}`, {results['minutes']:.0f} minutes",
        )
    )


def targets(rows: Iterable[Target]) -> str:
    """The last table: target, reached, met."""
    words = {True: "yes", False: "**no**", None: "not measured"}
    cells = []
    for row in rows:
        reached = number(row.reached) if row.reached is not None else row.note or "not in this run"
        if row.met is False and row.bound is not None:
            reached += f" (at most {number(row.bound)})"
        cells.append((row.what, f"{'≤' if row.at_most else '≥'} {row.wanted:,g}", reached, words[row.met]))
    return table(("target", "wanted", "reached", "met"), cells, "lrrl")


def engines(results: Results) -> str:
    """One table a model: tokens per second of each engine, and its share of the bare loop."""
    parts = []
    for name, model in results["engines"].items():
        present = [engine for engine in ALL if any(engine in rates for rates in model["rates"].values())]
        rows = []
        for streams, rates in model["rates"].items():
            cells = [f"{streams} × {model['tokens'][streams]}"]
            for engine in present:
                share = ""
                if engine != BARE:
                    share = f" · {middle(ratios(rates[engine], rates[BARE])):.2f}"
                cells.append(measured(rates[engine]) + share)
            rows.append(cells)
        low, high = model["prompt"]
        title = f"**{name}**, {_threads(model['threads'])}, prompts of {low}–{high} tokens"
        parts.append(f"{title}\n\n{table(('streams × tokens', *present), rows)}")
        parts.append(f"µs of processor time a token\n\n{grid(model['costs'], 'streams', 1e6)}")
    return "\n\n".join(parts)


def _threads(counts: Sequence[int]) -> str:
    short, long = counts
    words = f"{short} thread{'s' * (short > 1)}"
    return words if short == long else f"{words}, {long} for long calls"


def grid(points: Mapping[str, Mapping[str, Sequence[float]]], first: str, scale: float = 1.0) -> str:
    """A table of engines by points."""
    present = list(next(iter(points.values())))
    rows = [(f"{int(point):,}", *(measured(found[name], scale) for name in present)) for point, found in points.items()]
    return table((first, *present), rows, "r" * (1 + len(present)))


def growth(results: Results) -> str:
    """The three tables of growing work."""
    parts = []
    for name, found in results["streams"].items():
        parts.append(
            f"**{name}**, tokens/s by streams, {_threads(found['threads'])}\n\n{grid(found['rates'], 'streams')}"
        )
    for name, found in results["length"].items():
        setup = f"one stream, {_threads(found['threads'])}, window {found['window']:,}"
        parts.append(
            f"**{name}**, ms to the first token by prompt, {setup}\n\n{grid(found['first'], 'prompt tokens', 1e3)}"
        )
        parts.append(f"**{name}**, tokens/s by length of the answer, {setup}\n\n{grid(found['outputs'], 'tokens')}")
    return "\n\n".join(parts)


def server(results: Results) -> str:
    """The figures of the free engine, and the starts."""
    found = results["chunks"]
    rows = [
        (name, measured(rates["cpu"]), measured(rates["wall"]), f"{1e6 / middle(rates['cpu']):.1f}")
        for name, rates in found["rates"].items()
    ]
    head = (f"{found['streams']} streams × {found['count']:,}", "chunks/s of a server core", "chunks/s", "µs a chunk")
    first, start = results["first byte"], results["start"]
    more = table(
        ("", "median", "spread"),
        [
            (f"first byte of a one-token request, ms ({len(first['byte'])} requests)", *_quartiles(first["byte"])),
            ("first text of it, ms", *_quartiles(first["text"])),
            *(
                (f"start to /readyz, {kind}, s", number(middle(series)), f"{number(min(series))}–{number(max(series))}")
                for kind, series in start.items()
                if series
            ),
        ],
    )
    return f"{table(head, rows)}\n\n{more}"


def _quartiles(series: Sequence[float]) -> tuple[str, str]:
    """Median and the 10th to 90th percentile, in ms."""
    order = sorted(series)
    low, high = order[len(order) // 10], order[len(order) * 9 // 10]
    return number(1e3 * middle(order)), f"{number(1e3 * low)}–{number(1e3 * high)}"


def sampler(results: Results) -> str:
    """Microseconds a row."""
    found = results["sampler"]
    reading = found["numpy.max, one row"]["best"]
    floor = f"Two passes over a row at the speed of numpy.max are {2e6 * reading:.1f} µs."
    rows = [
        (name, number(1e6 * case["best"]), number(1e6 * case["median"]), number(case["best"] / reading))
        for name, case in found.items()
    ]
    return f"{floor}\n\n{table(('µs a row of 152,576', 'best', 'median', '÷ numpy.max'), rows)}"


def gateway(results: Results) -> str:
    """A row a way to the same engine."""
    found = results["gateway"]
    rows = []
    for name, kinds in found.items():
        added = [one - other for one, other in zip(kinds["p50"], found[DIRECT]["p50"], strict=True)]
        per_core = [measured(kinds[key]) if name != DIRECT else "" for key in ("requests_core", "chunks_core")]
        rows.append(
            (
                name, number(middle(kinds["p50"])), number(middle(added)) if name != DIRECT else "",
                measured(kinds["requests"]), per_core[0], measured(kinds["chunks"]), per_core[1],
                number(middle(kinds["memory"])),
            )
        )  # fmt: skip
    head = ("", "p50, ms", "added, ms", "requests/s", "of a core", "chunks/s", "of a core", "MB")
    return table(head, rows)
