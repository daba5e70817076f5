"""Plain text never becomes a control token, and tokens give their bytes back."""

from __future__ import annotations

import shutil
from pathlib import Path

import gguf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimo.engines.local.engine import LocalEngine
from mimo.engines.local.model.model import LocalModel
from mimo.engines.local.model.options import ModelOptions
from mimo.llamacpp.library import Library
from mimo.nano import gguf_path
from mimo.tokenizers.gguf import Vocabulary

NAMES = [
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "<|",
    "|>",
    "<",
]


@pytest.fixture(scope="module")
def vocabulary(nano: LocalEngine) -> Vocabulary:
    assert isinstance(nano.tokenizer, Vocabulary)
    return nano.tokenizer


def test_the_names_of_the_format_are_control_tokens(vocabulary: Vocabulary) -> None:
    for name in NAMES[:7]:
        token = vocabulary.control(name)
        assert token is not None and vocabulary.is_control(token)
        assert vocabulary.piece(token) == name.encode()


@settings(max_examples=300, deadline=None, derandomize=True)
@given(parts=st.lists(st.one_of(st.sampled_from(NAMES), st.text(max_size=8))))
def test_no_text_becomes_a_control_token_and_none_is_lost(vocabulary: Vocabulary, parts: list[str]) -> None:
    text = "".join(parts).encode(errors="ignore").decode()
    tokens = vocabulary.encode(text)
    assert not any(vocabulary.is_control(token) for token in tokens)
    assert b"".join(map(vocabulary.piece, tokens)).decode() == text


def test_a_tag_that_the_file_marks_user_defined_stays_text_too(tmp_path: Path) -> None:
    """llama.cpp turns such names into their token even where control tokens are not asked for."""
    path = tmp_path / "user-defined.gguf"
    shutil.copy(gguf_path(), path)
    path.chmod(0o644)
    reader = gguf.GGUFReader(path, "r+")
    names = reader.fields["tokenizer.ggml.tokens"].contents()
    types = reader.fields["tokenizer.ggml.token_type"]
    think = names.index("<think>")
    types.parts[types.data[think]][0] = gguf.TokenType.USER_DEFINED
    reader.data.flush()
    model = LocalModel(Library(), path, ModelOptions(slots=2, context_window=64, threads=1))
    try:
        tokens = model.tokenizer.encode("say <think> and <|im_end|>")
        assert think not in tokens
        assert model.tokenizer.is_control(think)
        assert b"".join(map(model.tokenizer.piece, tokens)) == b"say <think> and <|im_end|>"
    finally:
        model.close()


def test_an_id_outside_the_vocabulary_is_an_index_error(vocabulary: Vocabulary) -> None:
    for token in (-1, vocabulary.vocabulary):
        with pytest.raises(IndexError):
            vocabulary.piece(token)
