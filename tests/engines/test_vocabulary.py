"""Plain text never becomes a control token, and tokens give their bytes back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimo.engines.local.engine import LocalEngine
from mimo.engines.local.vocabulary import Vocabulary

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


def test_an_id_outside_the_vocabulary_is_an_index_error(vocabulary: Vocabulary) -> None:
    for token in (-1, vocabulary.vocabulary):
        with pytest.raises(IndexError):
            vocabulary.piece(token)
