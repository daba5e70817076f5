"""The sampler against others, one row of logits at MiMo's vocabulary: `python bench/sampler.py` prints one table.

All take turns in one run, so that a busy machine is busy for all of them; the ratios are what to read. Temperature 1,
top_p 0.95. llama.cpp's chain and torch's sort path are left out where they are not installed. Times of others are of
the sampling alone: filling llama.cpp's candidates, copying to torch and restoring rows changed in place are not timed.
"""

import argparse
import ctypes
import importlib.util
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from mimo.sampling import Sampler, warm
from mimo.types import Sampling

Row = NDArray[np.float32]
Case = tuple[Callable[[], object], Callable[[], object]]
"""What is done before, untimed, and what is timed."""

ROWS = 32
GENERATED = 4000


def flat(random: np.random.Generator, n: int) -> Row:
    """Normal, standard deviation 3: what random weights give. top_p 0.95 keeps about 9 % of the vocabulary."""
    return random.normal(0, 3, n).astype(np.float32)


def peaked(random: np.random.Generator, n: int) -> Row:
    """As a language model's: Zipf's law with exponent 1.7, the best 10 above the thousandth, ranks in random places.
    The best token has about a third of the probability; top_p 0.95 keeps about a hundred."""
    z = -1.7 * np.log(np.arange(n) + 2.0) + random.normal(0, 0.5, n)
    return random.permutation(z).astype(np.float32)


def nothing() -> None:
    pass


def ours(rows: Row, threads: int, **params: float) -> Case:
    """Sampler.sample over `rows`, each in a slot of its own."""
    sampler = Sampler(len(rows), rows.shape[1], threads)
    slots = np.arange(len(rows), dtype=np.int32)
    contract = Sampling(1.0, 0.95, 0.0, 0.0, seed=0, logit_bias=(), logprobs=None)
    for slot in range(len(rows)):
        sampler.begin(slot, replace(contract, seed=slot, **params))  # type: ignore[arg-type]
    work = np.empty_like(rows)
    if any(name.endswith("penalty") for name in params):
        for token in np.random.default_rng(1).choice(rows.shape[1], GENERATED, replace=False):
            work[:] = -1e30
            work[:, token] = 1e30
            sampler.sample(work, slots)
    return lambda: np.copyto(work, rows), lambda: sampler.sample(work, slots)


def llama_chain(row: Row) -> Case | None:
    """llama.cpp's chain temperature → top_p → dist, on candidates that are filled before."""
    spec = importlib.util.find_spec("xllamacpp")
    if spec is None or spec.origin is None:
        return None

    class Params(ctypes.Structure):
        _fields_ = (("no_perf", ctypes.c_bool),)

    class Candidates(ctypes.Structure):
        _fields_ = (
            ("data", ctypes.c_void_p),
            ("size", ctypes.c_size_t),
            ("selected", ctypes.c_int64),
            ("sorted", ctypes.c_bool),
        )

    library = ctypes.CDLL(str(next(Path(spec.origin).parent.glob("*.so"))))
    pointer = ctypes.c_void_p
    for name, arguments in (
        ("chain_init", [Params]),
        ("init_temp", [ctypes.c_float]),
        ("init_top_p", [ctypes.c_float, ctypes.c_size_t]),
        ("init_dist", [ctypes.c_uint32]),
    ):
        function = getattr(library, f"llama_sampler_{name}")
        function.restype, function.argtypes = pointer, arguments
    library.llama_sampler_chain_add.argtypes = [pointer, pointer]
    library.llama_sampler_apply.argtypes = [pointer, ctypes.POINTER(Candidates)]
    chain = library.llama_sampler_chain_init(Params(True))
    for link in (
        library.llama_sampler_init_temp(1.0),
        library.llama_sampler_init_top_p(0.95, 1),
        library.llama_sampler_init_dist(1),
    ):
        library.llama_sampler_chain_add(chain, link)
    filled = np.zeros(len(row), [("id", np.int32), ("logit", np.float32), ("p", np.float32)])
    filled["id"], filled["logit"] = np.arange(len(row)), row
    data = filled.copy()
    candidates = Candidates(data.ctypes.data, len(row), -1, False)

    def restore() -> None:
        np.copyto(data, filled)
        candidates.data, candidates.size = data.ctypes.data, len(row)
        candidates.selected, candidates.sorted = -1, False

    return restore, lambda: library.llama_sampler_apply(chain, ctypes.byref(candidates))


def torch_sort(row: Row) -> Case | None:
    """The usual sort path of torch engines: sort, softmax, cumulative sum, mask, scatter, draw; one thread."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    logits = torch.from_numpy(row.copy())[None]

    def sample() -> object:
        values, ids = (logits / 1.0).sort(dim=-1, descending=False)
        values[values.softmax(-1).cumsum(-1) <= 1 - 0.95] = -float("inf")
        z = torch.empty_like(values).scatter_(-1, ids, values)
        return z.softmax(-1).div_(torch.empty_like(z).exponential_()).argmax(-1)

    return nothing, sample


def cases(n: int, seed: int) -> dict[str, tuple[Case, int, str]]:
    """By name: the case, how many rows it samples, and the case its time is compared with."""
    random = np.random.default_rng(seed)
    rows = {"peaked": peaked(random, n), "flat": flat(random, n)}
    many = np.stack([peaked(random, n) for _ in range(ROWS)])
    found: dict[str, tuple[Case | None, int, str]] = {
        "numpy.max, one row": ((nothing, rows["peaked"].max), 1, ""),
        f"numpy.max, {ROWS} rows": ((nothing, many.max), ROWS, ""),
    }
    for kind, row in rows.items():
        mine = f"ours, {kind}"
        found[mine] = ours(row[None].copy(), 1), 1, ""
        found[f"llama.cpp's chain, {kind}"] = llama_chain(row), 1, mine
        found[f"torch's sort path, {kind}"] = torch_sort(row), 1, mine
    one = rows["peaked"][None].copy()
    found["ours, peaked, top_p 1"] = ours(one, 1, top_p=1.0), 1, ""
    found["ours, peaked, temperature 0"] = ours(one, 1, temperature=0.0), 1, ""
    found[f"ours, peaked, penalties, {GENERATED} tokens"] = ours(one, 1, frequency_penalty=1e-9), 1, "ours, peaked"
    found[f"ours, {ROWS} rows peaked, 1 thread"] = ours(many, 1), ROWS, ""
    found[f"ours, {ROWS} rows peaked, 2 threads"] = ours(many, 2), ROWS, f"ours, {ROWS} rows peaked, 1 thread"
    return {name: (case, size, against) for name, (case, size, against) in found.items() if case is not None}


def measure(table: dict[str, tuple[Case, int, str]], rounds: int) -> dict[str, list[float]]:
    """Seconds per row, for each case, of every round; a round is the best of five."""
    seconds: dict[str, list[float]] = {name: [] for name in table}
    for _ in range(rounds):
        for name, ((before, timed), size, _) in table.items():
            tries = []
            for _ in range(5):
                before()
                start = time.perf_counter()
                timed()
                tries.append(time.perf_counter() - start)
            seconds[name].append(min(tries) / size)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocabulary", type=int, default=152576)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    start = time.perf_counter()
    warm()
    print(f"warm(): {time.perf_counter() - start:.2f} s (compiled, or loaded)")
    table = cases(options.vocabulary, options.seed)
    seconds = measure(table, options.rounds)
    best = {name: min(times) for name, times in seconds.items()}
    reading, size = best["numpy.max, one row"], 4 * options.vocabulary
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; {options.rounds} rounds of five")
    print(f"floor: a row is {size / 1e6:.2f} MB, two passes at numpy.max's {size / reading / 1e9:.0f} GB/s ", end="")
    print(f"are {2e6 * reading:.1f} µs\n")
    print("| µs per row | best | median of rounds | ÷ numpy.max | ratio of the best |\n|---|--:|--:|--:|:--|")
    for name, times in seconds.items():
        against, middle = table[name][2], statistics.median(times)
        ratio = f"{best[name] / best[against]:.2f} of {against}" if against else ""
        print(f"| {name} | {best[name] * 1e6:.1f} | {middle * 1e6:.1f} | {best[name] / reading:.1f} | {ratio} |")


if __name__ == "__main__":
    main()
