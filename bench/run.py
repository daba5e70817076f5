"""Everything in one run, in turn, and the page it fills: `make bench`, `make bench ARGS=--quick`, `python -m bench`.

    engines → growth → free engine → start → sampler → bench/out/results.json → docs/benchmarks.md, docs/throughput.png

With `--only PART` nothing is written but the JSON; with `--page FILE` the page is made again from a JSON.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import engines, free, growth, launch, machine, plot, startup, tables
from bench import sampler as samplers
from bench.random_model import Shape, gguf_file
from bench.targets import targets
from mimo.nano import gguf_path
from mimo.sampling import warm

PAGE, PICTURE, RESULTS = Path("docs/benchmarks.md"), Path("docs/throughput.png"), Path("bench/out/results.json")
LARGE = 152_576
NANO = "nano, 4,096"


def measure_engines(quick: bool, threads: int) -> dict[str, Any]:
    """Every model, every engine, 1, 8 and 32 streams."""
    many = {1: 128, 8: 64, 32: 32} if quick else {1: 512, 8: 256, 32: 256}
    few = {1: 32, 8: 16, 32: 16} if quick else {1: 128, 8: 64, 32: 64}
    shape = Shape(8192)
    models = [
        engines.Model(NANO, gguf_path(), 1, many),
        engines.random_model(shape, threads, many, with_vllm=not quick),
        engines.random_model(Shape(LARGE), threads, few),
        engines.random_model(Shape(LARGE, "peaked"), threads, few),
    ]
    found = {}
    for model in models:
        say(model.name)
        found[model.name] = engines.compare(
            model, rounds=1 if quick else 5 if model.shape is None and model.tokens is many else 3
        )
    return found


def measure_streams(quick: bool, threads: int) -> dict[str, Any]:
    """Throughput as streams are added."""
    large = f"random, {LARGE:,}, peaked"
    small, some = ((1, 32), (1, 32)) if quick else (growth.STREAMS, growth.STREAMS[:7])
    rounds = 1 if quick else 3
    return {
        NANO: growth.with_streams(gguf_path(), 1, rounds, small),
        large: growth.with_streams(gguf_file(Shape(LARGE, "peaked")), threads, rounds, some, total=1024),
    }


def measure_length(quick: bool, threads: int) -> dict[str, Any]:
    """Prompts and answers of growing length."""
    prompts, outputs = ((16, 1024), (16, 256)) if quick else (growth.PROMPTS, growth.OUTPUTS)
    rounds = 1 if quick else 3
    return {
        NANO: growth.with_length(gguf_path(), 1, rounds, prompts, outputs),
        "random, 8,192, flat": growth.with_length(gguf_file(Shape(8192)), threads, rounds, prompts, outputs),
    }


def measure_sampler(quick: bool, threads: int) -> dict[str, Any]:
    """The sampler beside llama.cpp's chain and torch's sort path: best and median, seconds a row."""
    warm()
    seconds = samplers.measure(samplers.cases(LARGE, 0), 6 if quick else 40)
    return {name: {"best": min(times), "median": statistics.median(times)} for name, times in seconds.items()}


PARTS: dict[str, Callable[[bool, int], Any]] = {
    "start": lambda quick, threads: startup.starts(2 if quick else 5, 1 if quick else 2),
    "chunks": lambda quick, threads: free.chunks(32, 2_000 if quick else 10_000, 1 if quick else 3),
    "first byte": lambda quick, threads: free.first_byte(200 if quick else 1000),
    "engines": measure_engines,
    "streams": measure_streams,
    "length": measure_length,
    "sampler": measure_sampler,
}


def say(text: str) -> None:
    """Progress, for the person who waits."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def run(parts: list[str], quick: bool, threads: int) -> dict[str, Any]:
    """The results of `parts`, and what they were measured on."""
    start = time.monotonic()
    command = shlex.join(["python", "-m", "bench", *sys.argv[1:]])
    results: dict[str, Any] = {"machine": machine.described(), "command": command}
    if launch.vllm_program() is None:
        say("vLLM is not installed: its rows are left out")
    for part in parts:
        say(part)
        results[part] = PARTS[part](quick, threads)
    results["minutes"] = (time.monotonic() - start) / 60
    return results


def write_page(results: dict[str, Any], page: Path, picture: Path) -> None:
    """All tables between their markers, and the picture beside the page."""
    text = page.read_text("utf-8")
    for name, render in {
        "machine": tables.machine,
        "targets": lambda found: tables.targets(targets(found)),
        "engines": tables.engines,
        "growth": tables.growth,
        "server": tables.server,
        "sampler": tables.sampler,
    }.items():
        text = tables.replaced(text, name, render(results))
    page.write_text(text, "utf-8")
    plot.draw(results, picture)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a minute or two: fewer rounds, points and models")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure only this part; print its targets")
    parser.add_argument("--threads", type=int, default=machine.cores(), help="of the random models; nano has one")
    parser.add_argument("--page", type=Path, help="measure nothing: write the page from this JSON")
    options = parser.parse_args()
    if options.page:
        write_page(json.loads(options.page.read_text("utf-8")), PAGE, PICTURE)
        return
    results = run(options.only or list(PARTS), options.quick, options.threads)
    out = RESULTS.with_stem("part") if options.only else RESULTS
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(results, indent=1), "utf-8")
    print(tables.targets([row for row in targets(results) if row.met is not None or not options.only]))
    if not options.only and not options.quick:
        write_page(results, PAGE, PICTURE)
    say(f"written: {out}")


if __name__ == "__main__":
    main()
