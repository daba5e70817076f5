"""Everything in one run, in turn, and the page it fills: `make bench`, `make bench ARGS=--quick`, `python -m bench`.

    start → free engine → gateway → sampler → engines → growth → results.json → docs/benchmarks.md and its picture

With `--only PART,PART` nothing is written but the JSON (`server`: chunks and first byte); with `--page FILE` the page
is made again from a JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import busy, engines, extras, free, gateway, growth, launch, machine, plot, startup, tables
from bench import sampler as samplers
from bench.load import LoadError
from bench.machine import say
from bench.random_model import Shape, gguf_file
from bench.real import grid, page
from bench.targets import Target, targets
from mimo.nano import gguf_path
from mimo.sampling import warm

PAGE, PICTURE, RESULTS = Path("docs/benchmarks.md"), Path("docs/throughput.png"), Path("bench/out/results.json")
LARGE = 152_576
NANO = "nano, 4,096"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured. `threads`: of every engine; None: as many as mimo takes by itself."""

    quick: bool
    rounds: int
    threads: int | None


def measure_engines(plan: Plan) -> dict[str, Any]:
    """Every model, every engine, 1, 8 and 32 streams."""
    many = {1: 128, 8: 64, 32: 32} if plan.quick else {1: 512, 8: 256, 32: 256}
    few = {1: 32, 8: 16, 32: 16} if plan.quick else {1: 128, 8: 64, 32: 64}
    models = [
        engines.Model(NANO, gguf_path(), plan.threads, many),
        engines.random_model(
            Shape(8192), plan.threads, many, with_vllm=not plan.quick or "MIMO_BENCH_VLLM" in os.environ
        ),
        engines.random_model(Shape(LARGE), plan.threads, few),
        engines.random_model(Shape(LARGE, "peaked"), plan.threads, few),
    ]
    found = {}
    for model in models:
        say(model.name)
        found[model.name] = engines.compare(model, plan.rounds)
    return found


def measure_streams(plan: Plan) -> dict[str, Any]:
    """Throughput as streams are added."""
    large = f"random, {LARGE:,}, peaked"
    small, some = ((1, 32), (1, 32)) if plan.quick else (growth.STREAMS, growth.STREAMS[:7])
    return {
        NANO: growth.with_streams(gguf_path(), plan.threads, plan.rounds, small),
        large: growth.with_streams(gguf_file(Shape(LARGE, "peaked")), plan.threads, plan.rounds, some, total=1024),
    }


def measure_length(plan: Plan) -> dict[str, Any]:
    """Prompts and answers of growing length."""
    points = ((16, 1024), (16, 256)) if plan.quick else (growth.PROMPTS, growth.OUTPUTS)
    return {
        NANO: growth.with_length(gguf_path(), plan.threads, plan.rounds, *points),
        "random, 8,192, flat": growth.with_length(gguf_file(Shape(8192)), plan.threads, plan.rounds, *points),
    }


def measure_sampler(plan: Plan) -> dict[str, Any]:
    """The sampler against llama.cpp's chain and torch's sort path: best and median, seconds a row."""
    warm()
    seconds = samplers.measure(samplers.cases(LARGE, 0), 6 if plan.quick else 40)
    return {name: {"best": min(times), "median": statistics.median(times)} for name, times in seconds.items()}


PARTS: dict[str, Callable[[Plan], Any]] = {
    "start": lambda plan: startup.starts(plan.rounds + 1, 1 if plan.quick else 2),
    "chunks": lambda plan: free.chunks(32, 2_000 if plan.quick else 10_000, plan.rounds),
    "first byte": lambda plan: free.first_byte(200 if plan.quick else 1000),
    "gateway": lambda plan: gateway.compare(plan.rounds),
    "extras": lambda plan: extras.costs(plan.rounds),
    "busy": lambda plan: busy.measure(rounds=plan.rounds, seconds=1.0 if plan.quick else 3.0),
    "sampler": measure_sampler,
    "engines": measure_engines,
    "streams": measure_streams,
    "length": measure_length,
    "real": lambda plan: grid.measure(grid.QUICK_GRID if plan.quick else grid.Grid(), plan.rounds),
}
GROUPS = {"server": ["chunks", "first byte"]}


def _targets(results: dict[str, Any]) -> list[Target]:
    return [*targets(results), *page.targets_of(results.get("real", {}))]


def parts_of(text: str) -> list[str]:
    """The parts that a comma-separated list names, groups taken apart, each once and in the order of `PARTS`."""
    wanted = set[str]()
    for name in map(str.strip, text.split(",")):
        if name not in PARTS and name not in GROUPS:
            raise argparse.ArgumentTypeError(f"must be of {', '.join([*PARTS, *GROUPS])}, got {name or 'nothing'}")
        wanted.update(GROUPS.get(name, [name]))
    return [part for part in PARTS if part in wanted]


def run(parts: list[str], plan: Plan, out: Path) -> dict[str, Any]:
    """The results of `parts` and what they were measured on, written to `out` after each. A part that fails is said."""
    start = time.monotonic()
    command = shlex.join(["python", "-m", "bench", *sys.argv[1:]])
    results: dict[str, Any] = {"machine": machine.described(), "command": command, "failed": {}}
    if launch.vllm_program() is None:
        say("vLLM is not installed: its rows are left out")
    if not Path(os.environ.get("MIMO_BENCH_LITELLM", gateway.LITELLM_PROGRAM)).exists():
        say("LiteLLM is not installed: its row is left out")
    out.parent.mkdir(parents=True, exist_ok=True)
    for part in parts:
        say(part)
        try:
            results[part] = PARTS[part](plan)
        except (LoadError, OSError, TimeoutError, AssertionError) as problem:
            say(f"{part} failed: {problem}")
            results["failed"][part] = str(problem)
        results["minutes"] = (time.monotonic() - start) / 60
        out.write_text(json.dumps(results, indent=1), "utf-8")
    return results


def write_page(results: dict[str, Any], file: Path, picture: Path) -> None:
    """All tables between their markers, and the picture next to the page."""
    text = file.read_text("utf-8")
    for name, (parts, render) in TABLES.items():
        missing = [part for part in parts if part not in results]
        shown = f"Not measured in this run: {', '.join(missing)}." if missing else render(results)
        text = tables.replaced(text, name, shown)
    file.write_text(text, "utf-8")
    if "streams" in results:
        plot.draw(results, picture)
    if "real" in results:
        page.draw(results["real"], picture.with_stem("real"))


TABLES: dict[str, tuple[tuple[str, ...], Callable[[dict[str, Any]], str]]] = {
    "machine": ((), tables.machine),
    "targets": ((), lambda found: tables.targets(_targets(found))),
    "engines": (("engines",), tables.engines),
    "real": (("real",), page.tables_of),
    "growth": (("streams", "length"), tables.growth),
    "server": (("chunks", "first byte", "start"), tables.server),
    "gateway": (("gateway",), tables.gateway),
    "sampler": (("sampler",), tables.sampler),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a minute or two: fewer rounds, points and models")
    parser.add_argument(
        "--only", type=parts_of, metavar="PART,…", help=f"of {', '.join([*PARTS, *GROUPS])}; prints their targets"
    )
    parser.add_argument("--rounds", type=int, help="turns of every engine at every point; default 3, with --quick 1")
    parser.add_argument("--threads", type=int, help="of every engine; default: what mimo takes by itself")
    parser.add_argument("--page", type=Path, help="measure nothing: write the page from this JSON")
    options = parser.parse_args()
    if options.page:
        write_page(json.loads(options.page.read_text("utf-8")), PAGE, PICTURE)
        return
    plan = Plan(options.quick, options.rounds or (1 if options.quick else 3), options.threads)
    out = RESULTS.with_stem("part") if options.only else RESULTS
    results = run(options.only or list(PARTS), plan, out)
    print(tables.targets([row for row in _targets(results) if row.met is not None or not options.only]))
    if results["failed"]:
        say("the page is left as it was: a part failed")
    elif not options.only and not options.quick:
        write_page(results, PAGE, PICTURE)
    say(f"written: {out}")


if __name__ == "__main__":
    main()
