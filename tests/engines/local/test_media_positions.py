"""Claims about the two other ways in which models take the rows of a picture: M-RoPE, and rows that see all the others.

Both with random weights; llama-server, which has its own code for either, says what is right.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from msgspec.structs import replace
from tests.engines.local.nano_requests import ask, collect, rows_in, tokens, with_rows
from tests.engines.local.other_models import write_qwen2vl
from tests.engines.upstream.fronts import llama_server
from tests.llamacpp.other_towers import write_spread, write_whole
from tests.media.decode.made import media, noise, of_image
from tests.media.files import encoded

from mimo.engines.local.engine import LocalEngine, start_local
from mimo.engines.local.media import Medium
from mimo.engines.local.model.options import ModelOptions
from mimo.engines.local.runs import after_whole, before_medium, borders, savings
from mimo.engines.local.sequence import KvPrefix
from mimo.llamacpp.mtmd import Rows
from mimo.nano import gguf_path
from mimo.types import MediaRow


@pytest.fixture(scope="module", params=["spread", "whole"])
def files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model and its towers."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "whole":
        write_whole(folder / "mmproj.gguf", 256)
        return gguf_path(), folder / "mmproj.gguf"
    write_qwen2vl(folder / "model.gguf")
    write_spread(folder / "mmproj.gguf", 64)
    return folder / "model.gguf", folder / "mmproj.gguf"


@pytest.fixture(scope="module")
async def seeing(files: tuple[Path, Path]) -> AsyncIterator[LocalEngine]:
    model, towers = files
    options = ModelOptions(slots=10, context_window=512, chunk=64, threads=1)
    engine = await start_local(model, options, queue=40, towers=towers)
    yield engine
    await engine.close()


@pytest.fixture(scope="module")
def llama(files: tuple[Path, Path]) -> Iterator[httpx.Client]:
    model, towers = files
    with llama_server(model, 1, 512, towers) as url, httpx.Client(base_url=url, timeout=120) as client:
        yield client


def picture(engine: LocalEngine, width: int, height: int, seed: int = 0) -> tuple[int, ...]:
    return engine.rows_of(media(of_image(noise(width, height, seed), "png"), "png"))


@pytest.mark.parametrize("size", [(64, 64), (176, 96), (240, 240), (64, 200)])
async def test_llama_server_counts_and_answers_the_same(
    seeing: LocalEngine, llama: httpx.Client, size: tuple[int, int]
) -> None:
    """Greedy, and with text after the picture, whose positions go on where those of the picture end."""
    data, before, after = of_image(noise(*size, 3), "png"), "user\nSee: ", " What is it?"
    encode, request = seeing.tokenizer.encode, ask(seeing, "", temperature=0.0, max_completion_tokens=24, logit_bias=())
    prompt = (*encode(before), *seeing.rows_of(media(data, "png")), *encode(after))
    (mine,) = await collect(seeing, replace(request, prompt=prompt))
    marker = llama.get("/props").json().get("media_marker", "<__media__>")
    wanted = {"prompt_string": f"{before}{marker}{after}", "multimodal_data": [encoded(data)]}
    fields = {"n_predict": 24, "temperature": 0, "cache_prompt": False, "return_tokens": True}
    theirs = llama.post("/completion", json={"prompt": wanted, **fields})
    assert theirs.status_code == 200, theirs.text
    assert theirs.json()["tokens_evaluated"] == len(prompt)
    mine_ids = tokens(mine)
    assert mine_ids and mine_ids == theirs.json()["tokens"][: len(mine_ids)]


async def test_the_answer_has_the_same_bits_alone_and_among_others(seeing: LocalEngine) -> None:
    first, second = picture(seeing, 176, 120, 1), picture(seeing, 176, 120, 2)
    wanted = with_rows(seeing, first, second, logprobs=3, seed=7)
    (alone,) = await collect(seeing, wanted)
    crowd = [with_rows(seeing, second if at % 2 else first, text=f"Story {at}.", seed=at) for at in range(9)]
    together = await asyncio.gather(collect(seeing, wanted), *(collect(seeing, one) for one in crowd))
    assert [sampled.logprobs for sampled in together[0][0]] == [sampled.logprobs for sampled in alone]
    again, _ = await asyncio.gather(collect(seeing, wanted), collect(seeing, crowd[0]))
    assert [sampled.logprobs for sampled in again[0]] == [sampled.logprobs for sampled in alone]


async def test_what_follows_a_shared_picture_reuses_it_and_answers_as_without(seeing: LocalEngine) -> None:
    """Seeded or not, and however much of what was cached is shared: up to the middle of the second picture, too."""
    first, second, third = (picture(seeing, 120, 120, seed) for seed in (11, 12, 13))
    words = tuple(seeing.tokenizer.encode("one two three four five six seven " * 12))
    for seeded in (True, False):
        fresh = with_rows(seeing, first, words, second, text=f"And {seeded}?", temperature=0.0, seeded=seeded)
        other = with_rows(seeing, first, words, third, text="Another.", temperature=0.0, seeded=seeded)
        (wanted,) = await collect(seeing, fresh)
        await collect(seeing, other)
        stream = seeing.generate(fresh)
        assert [token async for batches in stream for one in batches for token in one.tokens] == tokens(wanted)
        stream = seeing.generate(other)
        async for _ in stream:
            pass
        assert stream.cached_tokens >= 64


async def test_a_picture_changes_the_answer(seeing: LocalEngine) -> None:
    answers = set()
    for seed in range(4):
        (one,) = await collect(seeing, with_rows(seeing, picture(seeing, 96, 96, seed), logprobs=3))
        answers.add(str([sampled.logprobs for sampled in one]))
    assert len(answers) == 4


async def test_an_image_of_any_size_fits_in_one_call(files: tuple[Path, Path]) -> None:
    """It is scaled down to what a call takes where its rows see one another."""
    model, towers = files
    options = ModelOptions(slots=2, context_window=512, chunk=64, threads=1)
    engine = await start_local(model, options, towers=towers)
    try:
        rows = picture(engine, 2000, 1500)
        assert 0 < rows_in(rows) <= (512 if model == gguf_path() else 1024)
    finally:
        await engine.close()


def row_of(digest: int, count: int, positions: int, whole: bool) -> list[int]:
    source = Medium(bytes([digest] * 16), None, Rows(0, count, positions, whole))  # type: ignore[arg-type]
    return [MediaRow(source.digest, at, "image", source) for at in range(count)]


@pytest.mark.parametrize("seed", range(40))
def test_calls_and_cuts_never_part_what_belongs_together(seed: int) -> None:
    """Prompts of random text and media of every kind, seed 0–39: nothing here is left to chance at run time."""
    dice = np.random.default_rng(seed)
    prompt: list[int] = []
    inside: set[int] = set()
    spread: set[int] = set()
    saved = 0
    for part in range(8):
        if dice.random() < 0.5:
            prompt += [int(token) for token in dice.integers(0, 99, dice.integers(1, 30))]
            continue
        count = int(dice.integers(2, 60))
        kind = dice.integers(0, 3)
        positions = count if kind != 1 else int(dice.integers(1, count))
        begin = len(prompt)
        prompt += row_of(part + 1, count, positions, kind == 2)
        saved += count - positions
        if kind == 2:
            inside |= set(range(begin + 1, begin + count))
        elif kind == 1:
            spread |= set(range(begin + 1, begin + count))
    prompt += [1, 2]
    for grain in (1, 16):
        for length in range(0, len(prompt), grain):
            after, before = after_whole(prompt, length, grain), before_medium(prompt, length, grain)
            assert after not in inside and length <= after <= len(prompt)
            assert before not in inside | spread and 0 <= before <= length
            assert after % grain == 0 or after == len(prompt)
            assert before % grain == 0
    assert not inside & set(borders(prompt, 0, 16))
    held = KvPrefix()
    start = 0
    while start < len(prompt):
        stop = after_whole(prompt, min(len(prompt), start + 16), 16)
        whole_calls = {start + at for at in borders(prompt[start:stop], start, 16)}
        assert whole_calls == {at for at in borders(prompt, 0, 16) if start < at <= stop} | {stop}
        held.take(prompt[start:stop])
        start = stop
    assert held.position(len(prompt)) == len(prompt) - saved
    assert sum(fewer for _, fewer in savings(prompt)) == saved
    cut = before_medium(prompt, len(prompt) // 2)
    held.cut(cut)
    assert held.position(cut) == cut - sum(fewer for end, fewer in savings(prompt) if end <= cut)
