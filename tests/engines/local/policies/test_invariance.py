"""The same bits in any company: by type of weights, by mode, among requests without a seed, with recurrent state."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.engines.local.other_models import write_llama, write_mamba

from mimo.engines.local.model.model import LocalModel
from mimo.engines.local.model.options import ModelOptions
from mimo.engines.local.policies.base import JOINED
from mimo.llamacpp.library import Library

ANY_ROWS, FAST = ("F32", "F16", "BF16", "Q4_0", "Q8_0"), ("Q4_1", "Q4_K", "Q6_K")
CROWD = """
import asyncio, random, sys
from pathlib import Path
from mimo.engines.local.engine import start_local
from mimo.engines.local.model.options import ModelOptions
from mimo.types import Sampling, TokenRequest

PATH, MODE, UNSEEDED = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "mixed"

async def collect(engine, at, seeded=True, size=40, tokens=12):
    bias = tuple((token, -100.0) for token in engine.tokenizer.end_ids)
    prompt = tuple(20 + (7 * at + place) % 900 for place in range(size))
    sampling = Sampling(1.0, 0.95, 0.0, 0.0, at, bias, 2)
    wanted = TokenRequest(prompt, sampling, tokens, min_tokens=0, n=1, seeded=seeded)
    return [sampled for batch in [batch async for batch in engine.generate(wanted)] for sampled in batch]

async def main():
    options = ModelOptions(slots=12, context_window=512, threads=1)
    engine = await start_local(PATH, options, queue=40, batch_invariant=MODE)
    assert (engine.capabilities.seeded, engine.capabilities.unseeded) == tuple(map(eval, sys.argv[4:6]))
    sizes, dice = (40, 250), random.Random(1)
    alone = [await collect(engine, at, size=sizes[at]) for at in range(2)]
    for beside in (1, 2, 3, 8, 11):
        crowd = [collect(engine, at, size=sizes[at]) for at in range(2)]
        for at in range(2, beside + 1):
            crowd.append(collect(engine, at, not UNSEEDED, dice.randrange(2, 300), dice.randrange(1, 30)))
        order = list(range(len(crowd)))
        dice.shuffle(order)
        got = dict(zip(order, await asyncio.gather(*(crowd[at] for at in order))))
        assert [got[0], got[1]] == alone, f"beside {beside} others"
    await engine.close()

asyncio.run(main())
print("the same")
"""


def same_in_a_crowd(path: Path, mode: str, company: str, seeded: str | None, unseeded: str | None) -> None:
    """A process of its own: llama.cpp asks once whether it may use its fast kernels."""
    command = [sys.executable, "-c", CROWD, str(path), mode, company, repr(seeded), repr(unseeded)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert ended.stdout == "the same\n", ended.stderr[-2000:]


@pytest.mark.parametrize("kind", ANY_ROWS)
def test_a_seeded_request_is_the_same_bits_among_others_without_a_seed(kind: str, tmp_path: Path) -> None:
    write_llama(path := tmp_path / f"{kind}.gguf", kind, 512)
    same_in_a_crowd(path, "seeded", "mixed", "exact", None)


@pytest.mark.parametrize("kind", [*ANY_ROWS, *FAST])
def test_always_makes_every_request_the_same_bits_in_any_company(kind: str, tmp_path: Path) -> None:
    """Rounding depends on which kernel multiplies, and that on the type and the number of rows."""
    write_llama(path := tmp_path / f"{kind}.gguf", kind, 512)
    same_in_a_crowd(path, "always", "seeded", "exact", "exact")


@pytest.mark.parametrize("company", ["mixed", "seeded"])
def test_a_model_with_recurrent_state_is_the_same_bits_in_any_company(company: str, tmp_path: Path) -> None:
    write_mamba(path := tmp_path / "mamba.gguf")
    same_in_a_crowd(path, "seeded", company, "exact", None)


ALONE = """
import asyncio, sys
exec(sys.argv[6].split("async def main")[0])

async def main():
    options = ModelOptions(slots=4, context_window=512, threads=1, long_threads=2)
    engine = await start_local(PATH, options, queue=8, batch_invariant=MODE)
    assert (engine.capabilities.seeded, engine.capabilities.unseeded) == ("alone", None)
    first = await collect(engine, 1, size=200, tokens=100)
    await asyncio.gather(*(collect(engine, at, False, 200) for at in range(2, 8)))
    assert await collect(engine, 1, size=200, tokens=100) == first
    assert await collect(engine, 1, size=200, tokens=100) == first
    await engine.close()

asyncio.run(main())
print("the same")
"""


@pytest.mark.parametrize("mode,kind", [("seeded", "Q4_K"), ("seeded", "Q4_1"), ("off", "Q8_0")])
def test_alone_means_the_same_bits_while_nothing_else_runs(mode: str, kind: str, tmp_path: Path) -> None:
    """On either side of where attention is shared between threads, and whatever was found in the cache."""
    write_llama(path := tmp_path / f"{kind}.gguf", kind, 512)
    command = [sys.executable, "-c", ALONE, str(path), mode, "mixed", "", "", CROWD]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert ended.stdout == "the same\n", ended.stderr[-2000:]


@pytest.mark.parametrize("kind", ["F16", "Q8_0", "Q4_0", "Q4_K"])
def test_whole_chunks_are_the_same_bits_in_one_call_as_in_calls_of_their_own(kind: str, tmp_path: Path) -> None:
    """On which it rests that policies share the cache, and that a seeded prompt need not be cut small."""
    write_llama(path := tmp_path / f"{kind}.gguf", kind, 512)
    model = LocalModel(Library(), path, ModelOptions(slots=2, context_window=512, chunk=JOINED))
    prompt = np.random.default_rng(1).integers(20, 900, 470).tolist()

    def last_logits(*cuts: int) -> NDArray[np.float32]:
        model.kv.truncate(0, -1)
        at, logits = 0, np.empty((0, 0), np.float32)
        for size in (*cuts, 470 - sum(cuts)):
            logits, at = model.decode_prompt(0, prompt[at : at + size], at, last=True).copy(), at + size
        return logits

    expected = last_logits(*[JOINED] * 7)
    for cuts in ((7 * JOINED,), (JOINED, 6 * JOINED), (4 * JOINED, 3 * JOINED), (2 * JOINED, JOINED, 4 * JOINED)):
        assert np.array_equal(last_logits(*cuts), expected), cuts
    model.close()


@pytest.mark.parametrize("write", [write_llama])
def test_the_second_row_of_a_lone_sequence_changes_nothing_that_it_keeps(
    write: Callable[[Path], None], tmp_path: Path
) -> None:
    write(path := tmp_path / "tiny.gguf")
    model = LocalModel(Library(), path, ModelOptions(slots=2, context_window=512))
    runs = []
    for beside in (False, True):
        model.kv.clear()
        model.decode_prompt(0, [20, 21, 22], 0)
        model.decode_prompt(1, [30, 31, 32], 0)
        logits = []
        for at in range(3, 20):
            slots, positions = ([0, 1], [at, at]) if beside else ([0, 0], [at, at + 1])
            logits.append(model.decode_step(slots, [40 + at, 7], positions, [True, True])[:1].copy())
            if not beside:
                assert model.kv.truncate(0, at + 1)
        runs.append(np.concatenate(logits))
    assert np.array_equal(*runs)
    model.close()
