"""A model's id instead of a path: found where the hub's library keeps what it has fetched, and never fetched by us."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.engines.upstream.tiny_hub import write_model

from mimo.contract.errors import EngineError
from mimo.tokenizers.hub import cached
from mimo.tokenizers.load import load_tokenizer


def snapshot(cache: Path, revision: str, age: int = 0) -> Path:
    folder = cache / "models--owner--model" / "snapshots" / revision
    folder.mkdir(parents=True)
    (folder / "tokenizer.json").write_text("{}")
    os.utime(folder, (1_000_000 - age, 1_000_000 - age))
    return folder


def test_the_cache_is_where_the_hub_s_own_library_has_it(tmp_path: Path) -> None:
    for environment, cache in (
        ({"HF_HUB_CACHE": str(tmp_path / "a"), "HF_HOME": "/no"}, tmp_path / "a"),
        ({"HF_HOME": str(tmp_path / "b")}, tmp_path / "b" / "hub"),
        ({"XDG_CACHE_HOME": str(tmp_path / "c")}, tmp_path / "c" / "huggingface" / "hub"),
        ({"HOME": str(tmp_path / "d")}, tmp_path / "d" / ".cache" / "huggingface" / "hub"),
    ):
        assert cached("owner/model", environment) is None
        folder = snapshot(cache, "one")
        assert cached("owner/model", environment) == folder


def test_the_revision_fetched_last_is_taken(tmp_path: Path) -> None:
    snapshot(tmp_path, "old", age=500)
    newest = snapshot(tmp_path, "middle")
    snapshot(tmp_path, "older", age=900)
    assert cached("owner/model", {"HF_HUB_CACHE": str(tmp_path)}) == newest


@pytest.mark.parametrize("name", ["model", "../x", "a/b/c", "/etc/passwd", "owner/", "", "x" * 500 + "/y", "a\0/b"])
def test_what_is_no_id_is_not_looked_for(tmp_path: Path, name: str) -> None:
    assert cached(name, {"HF_HUB_CACHE": str(tmp_path)}) is None


def test_an_id_is_read_from_the_cache_or_the_command_that_fetches_it_is_said(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(EngineError, match=r"hf download owner/model tokenizer\.json"):
        load_tokenizer(Path("owner/model"))
    write_model(snapshot(tmp_path, "one"))
    assert load_tokenizer(Path("owner/model")).tokenizer.vocabulary
