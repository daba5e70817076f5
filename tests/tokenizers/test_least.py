"""The lower bound on tokens is never above their number, and near enough to it to refuse what is far too long."""

from __future__ import annotations

import json
import random
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engines.upstream.tiny_hub import write_model

from mimo.chat.base import encode
from mimo.engines.local.engine import LocalEngine
from mimo.tokenizers.huggingface import JsonTokenizer
from mimo.tokenizers.least import LeastTokens
from mimo.tokenizers.limit import Abandoned, Limit, TooManyTokens

texts = st.lists(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
        st.sampled_from(
            ["hello world ", "    ", "\n\n\n", "=====", "aaaa", "12345", "<|im_end|>", "<think>", "日本語", "e\u0301"]
        ),
    ).flatmap(lambda part: st.integers(1, 20).map(lambda times: part * times)),
    max_size=8,
).map("".join)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(texts)
def test_the_bound_holds_for_nanos_vocabulary(nano: LocalEngine, text: str) -> None:
    assert nano.tokenizer.least_tokens(text) <= len(nano.tokenizer.encode(text))


@pytest.fixture(scope="module", params=[None, "NFC"])
def normalizing(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> JsonTokenizer:
    folder = tmp_path_factory.mktemp("tiny")
    write_model(folder)
    file = folder / "tokenizer.json"
    content = json.loads(file.read_text())
    content["normalizer"] = request.param and {"type": request.param}
    file.write_text(json.dumps(content))
    return JsonTokenizer(file)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(texts)
def test_the_bound_holds_for_a_tokenizer_json(normalizing: JsonTokenizer, text: str) -> None:
    least = normalizing.least_tokens(text)
    assert least <= len(normalizing.encode(text))
    assert least or not text


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.binary(min_size=1, max_size=6), min_size=1, max_size=20), st.data())
def test_the_bound_holds_however_a_text_is_made_of_pieces(pieces: list[bytes], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(pieces), max_size=60))
    assert LeastTokens(pieces)(b"".join(chosen)) <= len(chosen)


def test_words_are_counted_over_the_seams_of_what_is_looked_at_in_one_go() -> None:
    """Text of 2 MB in which a word ends at every other byte, so at seams too; no token holds an end of a word."""
    bound = LeastTokens([b" a", b"a" * 100, b" " * 100])
    for before in (b"", b" "):
        assert bound(before + b" a" * 2**20) == 2**20


def test_the_bound_is_within_a_small_factor_for_ordinary_text(nano: LocalEngine) -> None:
    dice = random.Random(5)
    words = ["the", "water", "is", "a", "house", "42", "and", "ordinary", "green,", "word."]
    text = " ".join(dice.choice(words) for _ in range(20_000))
    assert len(nano.tokenizer.encode(text)) < 4 * nano.tokenizer.least_tokens(text)


def test_a_tokenizer_that_may_drop_text_promises_nothing(tmp_path: Path) -> None:
    write_model(tmp_path)
    file = tmp_path / "tokenizer.json"
    content = json.loads(file.read_text())
    for change in (
        {"normalizer": {"type": "Lowercase"}},
        {"normalizer": {"type": "Strip", "strip_left": True, "strip_right": True}},
        {"pre_tokenizer": {"type": "WhitespaceSplit"}},
    ):
        file.write_text(json.dumps({**content, **change}))
        assert JsonTokenizer(file).least_tokens("hello world " * 100) == 0


def test_encoding_stops_at_the_limit_and_says_how_many_there_are_at_least(nano: LocalEngine) -> None:
    tokenizer = nano.tokenizer
    text = "some ordinary words of a text " * 100
    whole = len(tokenizer.encode(text))
    assert encode([1, text, 2], tokenizer, Limit(whole + 2)) == (1, *tokenizer.encode(text), 2)
    with pytest.raises(TooManyTokens) as refused:
        encode([1, text, 2] * 1000, tokenizer, Limit(whole * 10))
    assert whole * 10 < refused.value.at_least <= 1000 * (whole + 2)
    left = threading.Event()
    left.set()
    given_up = Limit(10**9, left)
    with pytest.raises(Abandoned):
        encode([1, text, 2], tokenizer, given_up)
