"""How many threads compute: more for what takes long, and never another result."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from mimo.engines.local import model as models
from mimo.engines.local.model import LocalModel, ModelOptions
from mimo.llamacpp.library import Library
from mimo.nano import gguf_path

ROWS = 24


@pytest.fixture
def model() -> Iterator[LocalModel]:
    """Nano, with one thread for short calls and two for long ones."""
    made = LocalModel(Library(), gguf_path(), ModelOptions(slots=ROWS, context_window=1024, threads=1, long_threads=2))
    yield made
    made.close()


def logits(model: LocalModel, long: float, monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Of a prompt in chunks whose cache passes 512 cells, of many rows and of two; every call is long beyond `long`."""
    monkeypatch.setattr(models, "LONG", long)
    model.clear()
    prompt = [20 + at % 900 for at in range(640)]
    out = []
    for at in range(0, 640, 64):
        out.append(model.decode_prompt(0, prompt[at : at + 64], at, last=True).copy())
    for slot in range(1, ROWS):
        model.decode_prompt(slot, prompt[slot : slot + 20], 0, last=True)
    positions = [640] + [20] * (ROWS - 1)
    out.append(model.decode_step(list(range(ROWS)), list(range(100, 100 + ROWS)), positions, [True] * ROWS).copy())
    out.append(model.decode_step([0, 1], [300, 301], [641, 21], [True, True]).copy())
    return out


def test_the_logits_do_not_depend_on_the_number_of_threads(model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[int] = []
    setting = model._library.llama_set_n_threads
    monkeypatch.setattr(
        model._library,
        "llama_set_n_threads",
        lambda context, one, many: (used.append(one), setting(context, one, many)),
    )
    one = logits(model, 1e9, monkeypatch)
    assert used == []
    two = logits(model, -1.0, monkeypatch)
    assert used == [2]
    assert all(np.array_equal(left, right) for left, right in zip(one, two, strict=True))


def test_a_call_that_takes_long_gets_all_threads_and_a_short_one_does_not(
    model: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.decode_prompt(0, [20, 21, 22], 0, last=True)
    sizes = {1: 1e-4, 2: 1e-4, 5: 1.0}  # by the bits of the rows: 16 to 31 rows took a second
    monkeypatch.setattr(model, "_spent", sizes)
    model.decode_step(list(range(16)), [30] * 16, [3] + [0] * 15, [True] * 16)
    assert model.threads == 2
    model.decode_step([0, 1], [30, 30], [4, 1], [True, True])
    assert model.threads == 1
