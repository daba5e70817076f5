"""The shipped file: small enough, with the metadata we claim, and the card tells the truth about it."""

from __future__ import annotations

import hashlib
import re
import struct
from pathlib import Path
from typing import Any

import pytest

from mimo import nano

FILE = nano.gguf_path()
SPECIALS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
)
CONTROL, UNUSED = 3, 5


SCALARS = ("B", "b", "H", "h", "I", "i", "f", "?", "", "", "Q", "q", "d")  # GGUF value types; 8 text, 9 array


class Header:
    """Keys and tensor names of a GGUF, read here so that the test needs no package for it."""

    def __init__(self, path: Path) -> None:
        self.data, self.at = path.read_bytes(), 0
        assert self.data[:4] == b"GGUF"
        _, _, tensors, keys = self.read("IIQQ")
        self.keys = {self.text(): self.value(*self.read("I")) for _ in range(keys)}
        self.tensors = {self.tensor() for _ in range(tensors)}

    def read(self, form: str) -> tuple[Any, ...]:
        out = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return out

    def text(self) -> str:
        (size,) = self.read("Q")
        self.at += size
        return self.data[self.at - size : self.at].decode()

    def value(self, kind: int) -> Any:
        if kind == 8:
            return self.text()
        if kind == 9:
            inner, count = self.read("IQ")
            return [self.value(inner) for _ in range(count)]
        return self.read(SCALARS[kind])[0]

    def tensor(self) -> str:
        name, (dimensions,) = self.text(), self.read("I")
        self.read("Q" * dimensions + "IQ")
        return name


@pytest.fixture(scope="module")
def header() -> Header:
    return Header(FILE)


def test_file_is_under_the_cap():
    assert 1_000_000 < FILE.stat().st_size <= 16_000_000


def test_architecture_is_mimo2_with_both_kinds_of_layers(header):
    assert header.keys.get("general.architecture") == "mimo2"
    assert header.keys.get("general.name") == "mimo-nano"
    pattern = header.keys.get("mimo2.attention.sliding_window_pattern")
    assert len(pattern) == header.keys.get("mimo2.block_count") and {bool(kind) for kind in pattern} == {True, False}
    assert header.keys.get("mimo2.context_length") == 32_768
    assert header.keys.get("mimo2.rope.dimension_count") % 2 == 0
    names = header.tensors
    for layer, sliding in enumerate(pattern):
        assert (f"blk.{layer}.attn_sinks.weight" in names) == bool(sliding)
        assert (f"blk.{layer}.exp_probs_b.bias" in names) == (layer > 0)
    assert "output.weight" in names


def test_special_tokens_are_control_tokens_by_their_exact_names(header):
    tokens, kinds = header.keys.get("tokenizer.ggml.tokens"), header.keys.get("tokenizer.ggml.token_type")
    for name in SPECIALS:
        assert tokens.count(name) == 1 and kinds[tokens.index(name)] == CONTROL
    assert tokens[header.keys.get("tokenizer.ggml.eos_token_id")] == "<|im_end|>"
    assert not header.keys.get("tokenizer.ggml.add_bos_token")
    assert "tokenizer.ggml.bos_token_id" not in header.keys
    assert (header.keys.get("tokenizer.ggml.model"), header.keys.get("tokenizer.ggml.pre")) == ("gpt2", "qwen2")


def test_no_merge_leads_to_a_special_token(header):
    joined = {"".join(merge.split(" ")) for merge in header.keys.get("tokenizer.ggml.merges")}
    assert not joined & set(SPECIALS)


def test_digits_are_single_tokens(header):
    kinds = header.keys.get("tokenizer.ggml.token_type")
    for token, kind in zip(header.keys.get("tokenizer.ggml.tokens"), kinds, strict=True):
        if kind not in (CONTROL, UNUSED) and re.search(r"\d", token):
            assert len(token) == 1


def test_template_renders_mimo_form(header):
    jinja2 = pytest.importorskip("jinja2")
    template = jinja2.Environment(trim_blocks=True, lstrip_blocks=True).from_string(
        header.keys.get("tokenizer.chat_template")
    )
    hello = {"messages": [{"role": "user", "content": "Hello"}], "add_generation_prompt": True}
    start = (
        "<|im_start|>system\nYou are MiMo, a helpful AI assistant engineered by Xiaomi.<|im_end|>"
        "<|im_start|>user\nHello<|im_end|><|im_start|>assistant\n"
    )
    assert template.render(**hello, enable_thinking=True) == start
    assert template.render(**hello, enable_thinking=False) == start + "<think></think>"


def test_card_names_this_very_file():
    card = Path(nano.__file__).with_name("CARD.md").read_text("utf-8")
    data = FILE.read_bytes()
    assert f"size: {len(data)} bytes" in card
    assert f"sha256: `{hashlib.sha256(data).hexdigest()}`" in card
