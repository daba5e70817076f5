"""What a model takes of memory is said before it is taken, and refused where it is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.engines.local.other_models import write_llama, write_mamba

from mimo.contract.errors import EngineError
from mimo.engines.local.model.memory import Memory, as_text, check_fits, usable_memory
from mimo.engines.local.model.model import LocalModel
from mimo.engines.local.model.options import ModelOptions
from mimo.llamacpp.library import Library
from mimo.nano import gguf_path


def opened(path: Path, **options: object) -> Memory:
    model = LocalModel(Library(), path, ModelOptions(**options))  # type: ignore[arg-type]
    try:
        return model.memory
    finally:
        model.close()


def test_nano_has_5760_bytes_a_token() -> None:
    memory = opened(gguf_path(), slots=3, context_window=1024)
    assert memory.slot == pytest.approx(5760 * 1024, abs=0.01 * 2**20)  # llama.cpp says two digits of MiB
    assert memory.cache == 3 * memory.slot
    assert memory.total > memory.cache + memory.weights > memory.cache + 7 * 10**6


def test_a_recurrent_model_has_its_state_and_no_more_for_a_longer_window(tmp_path: Path) -> None:
    write_mamba(tmp_path / "mamba.gguf")
    short, long = (opened(tmp_path / "mamba.gguf", slots=2, context_window=window) for window in (64, 512))
    assert short.slot == long.slot > 1000


def test_what_does_not_fit_is_refused_before_it_is_loaded_with_what_would(tmp_path: Path) -> None:
    write_llama(tmp_path / "llama.gguf")
    whole = opened(tmp_path / "llama.gguf", slots=16)
    limit = whole.total - whole.cache // 4
    loaded: list[float] = []

    def progress(share: float) -> bool:
        loaded.append(share)
        return True

    options = ModelOptions(slots=16, memory_limit=limit)
    with pytest.raises(EngineError) as refused:
        LocalModel(Library(), tmp_path / "llama.gguf", options, progress)
    assert not loaded
    assert "\n" not in str(refused.value)
    offers = re.findall(r"--slots (\d+) --context-window (\d+)", str(refused.value))
    assert [int(slots) for slots, _ in offers] == [16, 2]
    for slots, window in offers:
        opened(tmp_path / "llama.gguf", slots=int(slots), context_window=int(window), memory_limit=limit)


def test_where_not_even_the_weights_fit_nothing_is_offered() -> None:
    memory = Memory(weights=10**9, slot=10**6, slots=4, window=4096, compute=0)
    with pytest.raises(EngineError, match="take a smaller file") as refused:
        check_fits(Path("large.gguf"), memory, 10**9)
    assert "--slots" not in str(refused.value)


def test_what_fits_and_what_nobody_can_know_is_let_through() -> None:
    memory = Memory(weights=10**9, slot=10**6, slots=4, window=4096, compute=0)
    check_fits(Path("large.gguf"), memory, memory.total)
    check_fits(Path("large.gguf"), memory, 0)


def test_this_machine_has_memory() -> None:
    assert usable_memory() > 100 * 2**20


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1 kB"), (188_743_680, "189 MB"), (6_039_797_760, "6.04 GB"),
     (999_600, "1 MB"), (1.5e12, "1,500 GB")],
)  # fmt: skip
def test_bytes_are_said_as_people_say_them(size: float, text: str) -> None:
    assert as_text(size) == text
