"""A minute of clients on every route, a third of whom leave and a third of whom are hostile: `make soak`.

    calm: clients that wait for their answers → storm: leavers and hostile ones with them → rest → what is left

Afterwards nothing was answered wrongly, every slot is free, and memory, objects, tasks and descriptors are where they
were after a first storm. Meanwhile a process of its own times /healthz and a running stream. `--kinds`: instead, each
kind of client alone. Exit status 1 and a line a finding otherwise. Random choices come from `--seed`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from mimo.testing import served
from tests.soak.phase import Server
from tests.soak.report import grown, held, ms, slow, timed, wrong
from tests.soak.storm import stormed
from tests.soak.traffic import HOSTILE, KINDS

FLAGS = ("--slots", "8", "--queue", "64", "--prompt-cache", "16")
REST = 15.0
"""Seconds without work, after which the server has given back what it can."""
CALM = ("answered", "other") * 2
STORM = CALM + ("leaver", "hostile") * 2


async def soak(server: Server, options: argparse.Namespace) -> list[str]:
    """The findings; none is good."""
    first = await stormed(server.url, STORM, options.seconds, options.seed)  # what grows once has grown
    await asyncio.sleep(REST)
    before = await server.counts()
    calm = await server.phase(CALM, options.seconds / 3, options.seed + 1)
    storm = await server.phase(STORM, options.seconds, options.seed + 2)
    await asyncio.sleep(REST)
    after = await server.counts()
    found = first.found + calm.storm.found + storm.storm.found
    print(json.dumps(found, indent=1, sort_keys=True))
    print(f"\n{held(before, after)}\n\n{timed(calm, storm)}")
    problems = [*wrong(found), *grown(before, after)]
    return problems + slow(calm, storm) if options.timings else problems


async def by_kind(server: Server, options: argparse.Namespace) -> list[str]:
    """Print what each kind of client does alone, two at once."""
    print("| 99 %, ms | /healthz | between chunks | server's loop | watcher | of a core | requests |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    problems: list[str] = []
    for kind in (*KINDS, *HOSTILE):
        if kind == "hostile":
            continue
        phase = await server.phase([kind] * 2, options.seconds, options.seed)
        seen = [ms(values) for values in (phase.seen.health, phase.seen.gaps, phase.late, phase.seen.late)]
        busy = sum(phase.processor.values()) / options.seconds
        cells = [kind, *(f"{value:.1f}" for value in seen), f"{busy:.2f}", phase.storm.found.total()]
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
        problems += [f"{count} times {what}" for what, count in phase.storm.found.items() if what.startswith("wrong")]
    return problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="of the storm; of each kind with --kinds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--timings", action="store_true", help="fail for timings too, on a quiet machine")
    parser.add_argument("--kinds", action="store_true", help="each kind of client alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "counts.json"
        with served(*FLAGS, program=("-m", "tests.soak.counted", str(file))) as (url, process):
            tried = (by_kind if options.kinds else soak)(Server(url, process.pid, file), options)
            problems = asyncio.run(tried)
    for problem in problems:
        print(f"soak: {problem}")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
