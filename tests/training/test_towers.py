"""Claims about nano's tower for images: the library computes what was trained, and a picture is its seed's alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("PIL")

import torch
from training.config import SIZES as LANGUAGE
from training.export import state_of
from training.model import Nano
from training.tokenizer import Tokenizer
from training.towers.export import write_gguf
from training.towers.pictures import SIZES, SKILLS, shown
from training.towers.train import Batcher, check, logits_of
from training.towers.vision import Vision, VisionSize, grid

from mimo.llamacpp.library import Library
from mimo.llamacpp.mtmd import Projector, Rows
from mimo.llamacpp.towers import check_towers
from mimo.nano import gguf_path


def test_patches_come_in_groups_of_four() -> None:
    wanted = [[0, 0], [0, 1], [1, 0], [1, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 0], [2, 1], [3, 0], [3, 1]]
    assert grid(4, 4).tolist()[:12] == wanted


def test_the_library_gives_the_rows_that_were_trained(tmp_path: Path) -> None:
    """To what F16 keeps of the matrices."""
    size, file = VisionSize(), tmp_path / "towers.gguf"
    vision = Vision(size, seed=3)
    with torch.no_grad():
        for value in vision.parameters():
            value.add_(0.1 * torch.randn_like(value)).copy_(value.half().float())
    write_gguf(file, size, vision.state_dict())
    library = Library()
    model = library.llama_model_load_from_file(str(gguf_path()).encode(), library.llama_model_default_params())
    check_towers(library, file, size.out)
    projector = Projector(library, model, file, threads=1, gpu=False)
    rng = np.random.default_rng(1)
    for width, height in ((160, 96), (128, 128)):
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        chunks = projector.image(width, height, pixels.tobytes())
        (rows,) = [projector.encode(chunks, part) for part in chunks.parts if isinstance(part, Rows)]
        given = torch.from_numpy(pixels.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
        with torch.no_grad():
            wanted = vision(given)[0].numpy()
        assert rows.shape == wanted.shape == (width * height // 1024, size.out)
        assert np.abs(rows - wanted).max() < 0.02 * np.abs(wanted).max()
    projector.close()
    library.llama_model_free(model)


@pytest.mark.parametrize("skill", SKILLS)
def test_a_picture_is_its_seeds_alone(skill: str) -> None:
    for size in SIZES:
        one, again, other = shown(5, size, skill), shown(5, size, skill), shown(6, size, skill)
        assert one.image.size == size and one.image.tobytes() == again.image.tobytes() != other.image.tobytes()
        assert one.question and (one.question, one.answer) == (again.question, again.answer)


def test_training_teaches_the_tower_and_leaves_the_language_alone() -> None:
    """Thirty steps over the same eight pictures: their loss falls to a half."""
    size, tokenizer = LANGUAGE["cpu"], Tokenizer(gguf_path())
    nano = Nano(size)
    nano.load_state_dict(state_of(gguf_path(), size))
    nano.requires_grad_(False)
    before = {name: value.clone() for name, value in nano.state_dict().items()}
    vision, batcher, pad = Vision(VisionSize()), Batcher(tokenizer), tokenizer.special["<|image_pad|>"]
    optimiser = torch.optim.AdamW(vision.parameters(), lr=0.003)
    batch = batcher.tensors([shown(seed, SIZES[0], "one") for seed in range(8)])
    losses = []
    for _ in range(30):
        logits, wanted = logits_of(nano, vision, *batch, pad)
        loss = torch.nn.functional.cross_entropy(logits, wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    assert all(torch.equal(value, before[name]) for name, value in nano.state_dict().items())
    assert set(check(nano, vision, batcher, pad, 6)) == set(SKILLS)
