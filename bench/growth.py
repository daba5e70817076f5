"""What one more costs: streams from 1 to 256, prompts from 16 tokens to 8k, answers from 16 tokens to 4k.

Each engine in turn at every point. A window that ends before the list does is said, not hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench import peers
from bench.engines import BARE, LLAMA, OURS, running
from bench.rounds import Series, interleaved, on_each

STREAMS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
PROMPTS = (16, 64, 256, 1024, 4096, 8192)
OUTPUTS = (16, 64, 256, 1024, 4096)
ENGINES = (BARE, OURS, LLAMA)


def with_streams(
    path: Path, threads: int | None, rounds: int, streams: Sequence[int] = STREAMS, total: int = 4096
) -> dict[str, object]:
    """`rates[streams][engine]`: tokens per second. About `total` tokens at each point, 16 to 256 of a stream."""
    setup = peers.setup(path, max(2, *streams), 512, threads)
    rates: dict[str, dict[str, Series]] = {}
    tokens = {count: min(256, max(16, total // count)) for count in streams}
    with running(setup, ENGINES) as (found, asker):
        for count in streams:
            turns = [asker.questions(count, 16) for _ in range(rounds + 1)]
            cases = {
                name: on_each(turns, lambda asked, e=engine, n=tokens[count]: e.run(asked, n).rate)  # type: ignore[misc]
                for name, engine in found.items()
            }
            rates[str(count)] = interleaved(cases, rounds, warm=not rates)
    return {
        "threads": setup.threads,
        "window": 512,
        "tokens": {str(count): n for count, n in tokens.items()},
        "rates": rates,
    }


def with_length(
    path: Path, threads: int | None, rounds: int, prompts: Sequence[int] = PROMPTS, outputs: Sequence[int] = OUTPUTS
) -> dict[str, object]:
    """One stream. `first[prompt][engine]`: seconds to the first token; `outputs[tokens][engine]`: tokens per second."""
    window = max(prompts) + max(outputs) + 64
    setup = peers.setup(path, 2, window, threads)
    first: dict[str, dict[str, Series]] = {}
    rates: dict[str, dict[str, Series]] = {}
    with running(setup, ENGINES) as (found, asker):
        bare = found[BARE]
        assert isinstance(bare, peers.Bare)
        window = bare.model["window"]
        for size in prompts:
            if size + 2 > window:
                continue
            turns = [asker.questions(1, size) for _ in range(rounds + 1)]
            cases = {
                name: on_each(turns, lambda asked, e=engine: e.run(asked, 2).first)  # type: ignore[misc]
                for name, engine in found.items()
            }
            first[str(size)] = interleaved(cases, rounds, warm=not first)
        for size in outputs:
            if size + 64 > window:
                continue
            turns = [asker.questions(1, 16) for _ in range(rounds + 1)]
            cases = {
                name: on_each(turns, lambda asked, e=engine, n=size: e.run(asked, n).rate)  # type: ignore[misc]
                for name, engine in found.items()
            }
            rates[str(size)] = interleaved(cases, rounds, warm=not rates)
    return {"threads": setup.threads, "window": window, "first": first, "outputs": rates}
