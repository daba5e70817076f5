"""Claims about media in a local model's prompts: counted, repeatable, reused, and in nobody's way.

The towers are random: what nano makes of a picture is noise, and that it is the same noise every time is the claim.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image
from tests.engines.local.nano_requests import collect, rows_in, tokens, with_rows
from tests.llamacpp.tiny_towers import write_towers
from tests.media.decode.made import film, halves, media, noise, of_image, tone

from mimo.contract.errors import ContextLengthExceeded, EngineError, InvalidRequest, ServiceUnavailable
from mimo.engines.local.engine import LocalEngine, start_local
from mimo.engines.local.media import find_towers
from mimo.engines.local.model.options import ModelOptions
from mimo.engines.local.runs import borders
from mimo.nano import gguf_path


@pytest.fixture(scope="module")
def towers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("towers") / "mmproj.gguf"
    write_towers(file)
    return file


@pytest.fixture(scope="module")
async def seeing(towers: Path) -> AsyncIterator[LocalEngine]:
    options = ModelOptions(slots=18, context_window=1024, chunk=64, threads=1)
    engine = await start_local(gguf_path(), options, queue=40, towers=towers)
    yield engine
    await engine.close()


@pytest.mark.parametrize(("width", "height", "count"), [(160, 96, 15), (32, 32, 9), (512, 512, 64)])
def test_an_image_counts_its_area_by_1024(seeing: LocalEngine, width: int, height: int, count: int) -> None:
    """Within the 8,192 to 65,536 pixels that this tower scales to; the hosted API's rule, and its minimum."""
    ids = seeing.rows_of(media(of_image(noise(width, height), "png"), "png"))
    assert rows_in(ids) == count
    assert ids[0] == seeing.tokenizer.control("<|vision_start|>") and ids[-1] == seeing.tokenizer.control(
        "<|vision_end|>"
    )


@pytest.mark.parametrize(("seconds", "count"), [(1.0, 7), (3.0, 19)])
def test_sound_counts_six_and_a_quarter_a_second(seeing: LocalEngine, seconds: float, count: int) -> None:
    assert rows_in(seeing.rows_of(media(tone("wav", seconds), "wav"))) == count


def test_a_film_is_its_pictures_with_their_times(seeing: LocalEngine) -> None:
    ids = seeing.rows_of(media(film("mp4"), "mp4", fps=1.0))
    assert rows_in(ids) == 3 * 12
    text = b"".join(seeing.tokenizer.piece(token) for token in ids if token >= 0).decode()
    assert [part.partition("<|")[0] for part in text.split("<|vision_end|>")][:3] == [
        "<0.0 seconds>",
        "<1.0 seconds>",
        "<2.0 seconds>",
    ]


async def test_an_answer_depends_on_the_picture_and_on_nothing_else(seeing: LocalEngine) -> None:
    """Bit for bit, alone and beside 16 others, with the prefix in the cache and without."""
    first, second = (seeing.rows_of(media(of_image(noise(200, 120, seed), "png"), "png")) for seed in (1, 2))
    sound = seeing.rows_of(media(tone("wav"), "wav"))
    wanted = with_rows(seeing, first, sound, logprobs=3)
    (alone,) = await collect(seeing, wanted)
    (other,) = await collect(seeing, with_rows(seeing, second, sound, logprobs=3))
    assert tokens(alone) != tokens(other)
    crowd = [with_rows(seeing, second if at % 2 else sound, text=f"Story {at}.", seed=at) for at in range(16)]
    together = await asyncio.gather(collect(seeing, wanted), *(collect(seeing, one) for one in crowd))
    assert [sampled.logprobs for sampled in together[0][0]] == [sampled.logprobs for sampled in alone]
    assert tokens(together[0][0]) == tokens(alone)


async def test_the_next_turn_finds_the_picture_in_the_cache(seeing: LocalEngine) -> None:
    data = of_image(noise(256, 256, 5), "png")
    for cached in (0, 64):
        request = with_rows(seeing, seeing.rows_of(media(data, "png")))
        stream = seeing.generate(request)
        async for _ in stream:
            pass
        assert stream.cached_tokens == cached
    changed = np.asarray(noise(256, 256, 5)).copy()
    changed[0, 0, 0] ^= 1
    stream = seeing.generate(with_rows(seeing, seeing.rows_of(media(of_image(Image.fromarray(changed), "png"), "png"))))
    async for _ in stream:
        pass
    assert stream.cached_tokens == 0


async def test_n_choices_share_what_is_encoded(seeing: LocalEngine) -> None:
    ids = seeing.rows_of(media(of_image(noise(64, 64, 9), "png"), "png"))
    request = with_rows(seeing, ids)
    choices = await collect(seeing, replace(request, n=3))
    assert len(choices) == 3 and all(choices)


async def test_media_over_the_window_are_refused_before_they_are_encoded(seeing: LocalEngine) -> None:
    ids = seeing.rows_of(media(of_image(noise(512, 512), "png"), "png"))
    with pytest.raises(ContextLengthExceeded):
        seeing.generate(with_rows(seeing, *[ids] * 16))


async def test_a_client_that_leaves_while_its_media_are_encoded_frees_everything(seeing: LocalEngine) -> None:
    stream = seeing.generate(with_rows(seeing, *[seeing.rows_of(media(tone("wav", 3.0), "wav"))] * 3))
    stream.close()
    (after,) = await collect(seeing, with_rows(seeing, seeing.rows_of(media(of_image(halves(), "gif"), "gif"))))
    assert tokens(after)
    assert seeing.load().running == 0


def test_what_cannot_be_decoded_is_refused_by_its_path(seeing: LocalEngine) -> None:
    with pytest.raises(InvalidRequest) as refused:
        seeing.rows_of(media(of_image(halves(), "png")[:-30], "png"))
    assert refused.value.param == "messages[0].content[0]"


async def test_closing_ends_requests_whose_media_wait(towers: Path) -> None:
    engine = await start_local(gguf_path(), ModelOptions(slots=2, context_window=1024, threads=1), towers=towers)
    ids = engine.rows_of(media(tone("wav", 3.0), "wav"))
    streams = [engine.generate(with_rows(engine, ids, text=str(at))) for at in range(6)]
    await engine.close()
    for stream in streams:
        with pytest.raises(ServiceUnavailable):
            async for _ in stream:
                pass


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vision": {"wa_pattern_mode": [-1, 0, 1]}}, "wa_pattern_mode is"),
        ({"vision": {"wa_pattern_mode": [-1, 0, 0, -1]}}, "1 and another must be there"),
        ({"vision": {"wa_pattern_mode": [1, 1, 1, 1]}}, "1 and another must be there"),
        ({"vision": {"attention.head_count_kv": 3}}, "attention.head_count is 4, no multiple"),
        ({"vision": {"projection_dim": 128}}, "projection_dim is 128; the model's embeddings have 256"),
        ({"audio": {"wa_pattern_mode": [-1, -1, -1]}}, "-1 and 0 must both be there"),
        ({"audio": {"block_count": 2, "wa_pattern_mode": [0, -1]}}, "must be at least 3"),
        ({"audio": {"rvq.codebook_size": [128]}}, "rvq.codebook_size is"),
        ({"audio": {"num_mel_bins": 1000}}, "must be between 1 and 256"),
    ],
)
async def test_towers_that_would_end_the_process_are_refused(
    tmp_path: Path, changes: dict[str, dict[str, object]], words: str
) -> None:
    from tests.llamacpp.tiny_towers import AUDIO, VISION

    file = tmp_path / "wrong.gguf"
    sizes = {"vision": VISION, "audio": AUDIO}
    made = {tower: {**values, **changes.get(tower, {})} for tower, values in sizes.items()}
    write_towers(file, claims=made)
    with pytest.raises(EngineError, match=words) as refused:
        await start_local(gguf_path(), ModelOptions(slots=2, context_window=256, threads=1), towers=file)
    assert str(file) in str(refused.value)


@pytest.mark.parametrize("make", [lambda file: None, lambda file: file.write_bytes(b"no"), lambda file: None])
async def test_a_file_that_is_no_towers_is_one_clear_line(tmp_path: Path, make: object) -> None:
    file = tmp_path / "mmproj.gguf"
    make(file)  # type: ignore[operator]
    with pytest.raises(EngineError, match=r"mmproj\.gguf"):
        await start_local(gguf_path(), ModelOptions(slots=2, context_window=256, threads=1), towers=file)
    with pytest.raises(EngineError, match="its architecture is mimo2"):
        await start_local(gguf_path(), ModelOptions(slots=2, context_window=256, threads=1), towers=gguf_path())


def test_the_one_file_of_towers_next_to_a_model_is_found(tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    assert find_towers(model) is None
    (tmp_path / "mmproj-model-f16.gguf").touch()
    assert find_towers(model) == tmp_path / "mmproj-model-f16.gguf"
    (tmp_path / "model-mmproj.gguf").touch()
    with pytest.raises(EngineError, match="name one with --mmproj"):
        find_towers(model)


def test_a_part_of_a_prompt_is_cut_alike_wherever_it_begins() -> None:
    row = -5
    prompt = [1, 2, row, row, row, 3, row, row, 4, 5]
    whole = set(borders(prompt, 0, 4))
    assert whole == {2, 4, 5, 6, 8, 10}
    for start in (4, 8):
        assert {start + at for at in borders(prompt[start:], start, 4)} == {at for at in whole if at > start}
