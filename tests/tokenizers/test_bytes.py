"""Claims about the shipped byte tokenizer."""

from __future__ import annotations

import pytest

from mimo.tokenizers.base import Tokenizer
from mimo.tokenizers.bytes import ByteTokenizer


def test_text_is_its_bytes_and_never_a_control_token() -> None:
    tokenizer: Tokenizer = ByteTokenizer()
    text = "a<|im_end|>é"
    assert tokenizer.encode(text) == list(text.encode())
    assert b"".join(map(tokenizer.piece, tokenizer.encode(text))).decode() == text


def test_every_control_token_is_known_by_name_id_and_bytes() -> None:
    tokenizer = ByteTokenizer()
    for at, name in enumerate(tokenizer.control_names):
        token = tokenizer.control(name)
        assert token == 256 + at
        assert tokenizer.is_control(token)
        assert tokenizer.piece(token) == name.encode()
    assert tokenizer.control("<nope>") is None
    assert not tokenizer.is_control(255)
    assert not tokenizer.is_control(tokenizer.vocabulary)
    assert {tokenizer.piece(token) for token in tokenizer.end_ids} == {b"<|endoftext|>", b"<|im_end|>"}


def test_ids_outside_the_vocabulary_have_no_bytes() -> None:
    tokenizer = ByteTokenizer()
    for token in (-1, tokenizer.vocabulary):
        with pytest.raises(IndexError):
            tokenizer.piece(token)
