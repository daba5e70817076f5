"""Claims about nano's towers: the library computes what was trained, media are their seeds' alone, and both learn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from random import Random

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("PIL")

import torch
from training.config import RATE, SOUND, VISION
from training.tokenizer import Tokenizer
from training.towers.asking import Asker, Asking, logits_of, loss_of
from training.towers.bridge import SLOTS, Bridge, frozen, table_of
from training.towers.export import write_gguf
from training.towers.facts import QUESTIONS, SKILLS, VALUES, WIDTH, Sense, facts_of, numbers, said
from training.towers.hearing import HOP, Hearing, filters, mel_of
from training.towers.pictures import SIZES, shown
from training.towers.senses import pixels_of
from training.towers.sounds import MADE
from training.towers.vision import Vision, grid

from mimo.llamacpp.library import Library
from mimo.llamacpp.mtmd import Chunks, Projector, Rows
from mimo.llamacpp.towers import check_towers
from mimo.nano import gguf_path


def jittered(tower: torch.nn.Module) -> None:
    """No weight stays where it begins, and F16 keeps them all."""
    torch.manual_seed(5)
    with torch.no_grad():
        for value in tower.parameters():
            value.add_(0.1 * torch.randn_like(value)).copy_(value.half().float())


@pytest.fixture(scope="module")
def towers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Vision, Hearing, Projector]]:
    vision, hearing = Vision(VISION["cpu"], seed=3), Hearing(SOUND["cpu"], seed=4)
    jittered(vision)
    jittered(hearing)
    file = tmp_path_factory.mktemp("towers") / "towers.gguf"
    write_gguf(file, (vision.size, vision.state_dict()), (hearing.size, hearing.state_dict()))
    library = Library()
    model = library.llama_model_load_from_file(str(gguf_path()).encode(), library.llama_model_default_params())
    check_towers(library, file, vision.size.out)
    projector = Projector(library, model, file, threads=1, gpu=False, most=64)
    yield vision, hearing, projector
    projector.close()
    library.llama_model_free(model)


def rows_of(projector: Projector, chunks: Chunks) -> np.ndarray:
    (rows,) = [projector.encode(chunks, part) for part in chunks.parts if isinstance(part, Rows)]
    return rows


def test_patches_come_in_groups_of_four() -> None:
    wanted = [[0, 0], [0, 1], [1, 0], [1, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 0], [2, 1], [3, 0], [3, 1]]
    assert grid(4, 4).tolist()[:12] == wanted


@pytest.mark.parametrize(("width", "height"), [(160, 96), (128, 128), (160, 128)])
def test_the_library_gives_the_rows_of_a_picture_that_were_trained(
    towers: tuple[Vision, Hearing, Projector], width: int, height: int
) -> None:
    """To what F16 keeps of the matrices."""
    vision, _, projector = towers
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    rows = rows_of(projector, projector.image(width, height, pixels.tobytes()))
    with torch.no_grad():
        wanted = vision(pixels_of([pixels]))[0].numpy()
    assert rows.shape == wanted.shape == (width * height // 1024, vision.size.out)
    assert np.abs(rows - wanted).max() < 0.02 * np.abs(wanted).max()


@pytest.mark.parametrize("seconds", [0.4, 1.0, 1.63])
def test_the_library_gives_the_rows_of_a_sound_that_were_trained(
    towers: tuple[Vision, Hearing, Projector], seconds: float
) -> None:
    """A code is the nearest of its book, and rounding may make the next one nearest: a row in three may be another."""
    _, hearing, projector = towers
    count = int(seconds * RATE)
    samples = np.random.default_rng(2).normal(0, 0.2, count) * np.sin(np.arange(count) / 40)
    samples = samples.astype(np.float32)
    rows = rows_of(projector, projector.sound(samples.tobytes()))
    with torch.no_grad():
        wanted = hearing(torch.from_numpy(mel_of(samples, filters(hearing.size.mel)))[None])[0].numpy()
    assert rows.shape == wanted.shape == (-(-((count // HOP + 2) // 4) // 4), hearing.size.out)
    far = np.abs(rows - wanted).max(1) > 0.02 * np.abs(wanted).max()
    assert far.mean() < 0.34


@pytest.mark.parametrize("skill", SKILLS["image"])
def test_a_picture_is_its_seeds_alone(skill: str) -> None:
    for size in SIZES:
        (one, facts), (again, same), (other, _) = (shown(seed, size, skill) for seed in (5, 5, 6))
        assert one.size == size and one.tobytes() == again.tobytes() != other.tobytes() and facts == same


@pytest.mark.parametrize("skill", MADE)
def test_a_sound_is_its_seeds_alone(skill: str) -> None:
    facts = facts_of(Random(1), SKILLS["audio"], skill)
    one, again, other = (MADE[skill](Random(seed), facts) for seed in (5, 5, 6))
    assert one.dtype == np.float32 and np.array_equal(one, again) and not np.array_equal(one, other)


@pytest.mark.parametrize("sense", SKILLS)
def test_the_answer_says_every_fact_and_every_fact_has_its_number(sense: Sense) -> None:
    rng = Random(7)
    for _ in range(300):
        facts = facts_of(rng, SKILLS[sense])
        ones, answer = numbers(facts), said(facts).lower()
        assert len(set(ones)) == len(facts) and max(ones) < WIDTH
        assert all(facts[name] in VALUES[name] for name in facts)
        assert all(value in answer for name, value in facts.items() if name != "kind" and value != "medium")
    assert all(ask.endswith((".", "?")) for ask in QUESTIONS[sense])


def test_what_conversations_share_stands_once_and_changes_nothing() -> None:
    """Two conversations next to each other behind one beginning have the losses that they have alone."""
    nano, asker = frozen(gguf_path()), Asker(Tokenizer(gguf_path()), "image")
    facts, rows = [facts_of(Random(seed), SKILLS["image"], "one") for seed in (1, 2)], torch.randn(18, nano.size.width)
    asking = asker.of(Random(3), facts, [9, 9])
    with torch.no_grad():
        logits, _, owner = logits_of(nano, asking, rows)
    for at, part in enumerate(rows.split(9)):
        where = (asking.owner[0] == at) | (asking.document[0] < 0)
        one = Asking(*(getattr(asking, field.name)[:, where] for field in fields(Asking)))
        with torch.no_grad():
            found, _, _ = logits_of(nano, one, part)
        assert torch.allclose(found, logits[owner == at], atol=1e-3)


@pytest.mark.parametrize("sense", SKILLS)
def test_the_bridge_learns_and_the_language_model_does_not(sense: Sense) -> None:
    """Forty steps over the same four conversations: their loss falls to a half."""
    nano, asker = frozen(gguf_path()), Asker(Tokenizer(gguf_path()), sense)
    before = {name: value.clone() for name, value in nano.state_dict().items()}
    bridge = Bridge(nano.size.width, SLOTS[sense])
    optimiser = torch.optim.AdamW(bridge.parameters(), lr=0.005)
    facts = [facts_of(Random(seed), SKILLS[sense]) for seed in range(4)]
    asking = asker.of(Random(1), facts, [8] * 4)
    losses = []
    for _ in range(40):
        loss, _ = loss_of(nano, asking, bridge.rows(Random(1), table_of(facts), [8] * 4))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    assert all(torch.equal(value, before[name]) for name, value in nano.state_dict().items())
