"""Claims about the random models: llama.cpp serves them, and their logits are as their names say."""

from pathlib import Path

import numpy as np
import pytest
from bench import bare, machine
from bench.random_hub import write_safetensors
from bench.random_model import Shape, gguf_file, tokens

from mimo.engines.local.model.model import LocalModel
from mimo.engines.local.model.options import ModelOptions
from mimo.llamacpp.library import Library


def test_every_byte_and_every_control_token_has_an_id() -> None:
    texts, controls, merges = tokens(152_576)
    assert len(texts) == len(set(texts)) == 152_576
    assert controls[151_645] == "<|im_end|>" and controls[151_668] == "</think>"
    assert merges[0] == "s y"


@pytest.mark.parametrize(("logits", "least", "most"), [("flat", 0.02, 0.3), ("peaked", 0.001, 0.04)])
def test_llama_cpp_loads_and_decodes_the_random_model(tmp_path: Path, logits: str, least: float, most: float) -> None:
    pytest.importorskip("gguf")
    path = gguf_file(Shape(8192, logits, layers=2), tmp_path)  # type: ignore[arg-type]
    model = LocalModel(Library(), path, ModelOptions(slots=2, context_window=256, threads=1))
    try:
        assert model.tokenizer.encode("system\n1") == [260, 10, 49]
        assert bare.described(model)["ends"] == [7259, 7261]
        row = model.decode_prompt(0, [1, 2, 3], 0, last=True)[0].astype(np.float64)
        weights = np.sort(np.exp(row - row.max()))[::-1]
        kept = np.searchsorted(np.cumsum(weights) / weights.sum(), 0.95) / 8192
        assert least < kept < most, f"top_p 0.95 keeps {kept:.1%}"
        assert bare.run(model, [[1, 2, 3], [4, 5]], tokens=3)["seconds"] > 0
    finally:
        model.close()


def test_safetensors_hold_the_bytes_they_announce(tmp_path: Path) -> None:
    value = np.arange(6, dtype=np.float16).reshape(2, 3)
    write_safetensors(tmp_path / "one", {"x": value})
    data = (tmp_path / "one").read_bytes()
    size = int(np.frombuffer(data[:8], np.uint64)[0])
    assert size % 8 == 0 and b'"shape": [2, 3]' in data[8 : 8 + size]
    assert data[8 + size :] == value.tobytes()


def test_a_process_has_an_account_of_its_time() -> None:
    import os

    before = machine.cpu_seconds(os.getpid())
    total = sum(i * i for i in range(3_000_000))
    assert total and machine.cpu_seconds(os.getpid()) > before
    assert machine.described()["cores"]
