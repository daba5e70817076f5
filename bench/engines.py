"""Tokens per second of the engines in turn: the forward pass alone, ours, llama-server, and vLLM where there is one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import launch, peers
from bench.load import LoadError
from bench.machine import cpu_seconds
from bench.random_hub import hub_folder
from bench.random_model import Shape, gguf_file
from bench.rounds import Series, interleaved, on_each

BARE, OURS, OURS_OFF, LLAMA, VLLM = "bare", "ours", "ours, invariance off", "llama-server", "vLLM"
ALL = (BARE, OURS, OURS_OFF, LLAMA, VLLM)


@dataclass(frozen=True, slots=True)
class Model:
    """A model that is measured. `threads`: None for as many as mimo takes by itself; `tokens`: of every stream, by how
    many streams there are."""

    name: str
    path: Path
    threads: int | None
    tokens: dict[int, int]
    shape: Shape | None = None
    """Where vLLM has a model of the same shape."""


def random_model(shape: Shape, threads: int | None, tokens: dict[int, int], *, with_vllm: bool = False) -> Model:
    """A random model, its file made if need be."""
    name = f"random, {shape.vocabulary:,}, {shape.logits}"
    return Model(name, gguf_file(shape), threads, tokens, shape if with_vllm else None)


def compare(
    model: Model, rounds: int, *, window: int = 1024, prompt: int = 16, engines: Sequence[str] = ALL
) -> dict[str, object]:
    """`rates[streams][engine]`: tokens per second, a value a round; `costs`: seconds of processor time a token.

    vLLM has no cost here: it is several processes.
    """
    setup = peers.setup(model.path, max(2, *model.tokens), window, model.threads)
    rates: dict[str, dict[str, Series]] = {}
    costs: dict[str, dict[str, Series]] = {}
    sizes: set[int] = set()
    with running(setup, engines, model.shape) as (found, asker):
        for streams, tokens in model.tokens.items():
            turns = [asker.questions(streams, prompt) for _ in range(rounds + 1)]
            sizes |= {len(question.ids) for questions in turns for question in questions}
            cost = costs[str(streams)] = {name: Series() for name in found}
            cases = {
                name: on_each(turns, lambda asked, e=engine, t=tokens, c=cost[name]: _turn(e, asked, t, c))  # type: ignore[misc]
                for name, engine in found.items()
            }
            rates[str(streams)] = interleaved(cases, rounds)
            costs[str(streams)] = {name: series[1:] for name, series in cost.items() if name != VLLM}
    return {
        "threads": setup.threads,
        "prompt": [min(sizes), max(sizes)],
        "window": window,
        "tokens": {str(streams): tokens for streams, tokens in model.tokens.items()},
        "rates": rates,
        "costs": costs,
    }


def _turn(engine: peers.Bare | peers.Server, questions: Sequence[peers.Question], tokens: int, cost: Series) -> float:
    """Tokens per second of one turn; its processor time a token, in seconds, goes to `cost`."""
    before = cpu_seconds(engine.process.pid)
    load = engine.run(questions, tokens)
    cost.append((cpu_seconds(engine.process.pid) - before) / load.tokens)
    return load.rate


@contextlib.contextmanager
def running(
    setup: peers.Setup, engines: Sequence[str], shape: Shape | None = None
) -> Iterator[tuple[dict[str, peers.Bare | peers.Server], peers.Ours]]:
    """(engines by name, the one of ours that makes questions), all started on `setup` and stopped at the end."""
    with contextlib.ExitStack() as stack:
        bare = stack.enter_context(launch.bare(setup))
        ends = bare.model["ends"]
        asker = stack.enter_context(launch.ours(setup, ends, invariant=True))
        found: dict[str, peers.Bare | peers.Server] = {BARE: bare, OURS: asker}
        if OURS_OFF in engines:
            found[OURS_OFF] = stack.enter_context(launch.ours(setup, ends, invariant=False))
        if LLAMA in engines:
            found[LLAMA] = stack.enter_context(launch.llama_server(setup, bare.model["threads_of_one"]))
        if VLLM in engines and shape is not None and launch.vllm_program():
            with contextlib.suppress(LoadError):  # it is a guest: the others are measured without it
                found[VLLM] = stack.enter_context(launch.vllm(hub_folder(shape), setup))
        yield found, asker
