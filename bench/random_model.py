"""A llama-shaped GGUF of random weights, small but with as large a vocabulary as asked: `python -m bench.random_model`.

`flat` logits are normal with standard deviation 3, which is what random weights give; `peaked` ones follow Zipf's law
as a trained model's do: one channel of the width is constant, and the head's column for it holds the law. Its texts
are names that nobody reads; bytes and role names are real, so that prompts can be written.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

CACHE = Path(".cache/bench")
VERSION = 1  # of the files: they are made again when it changes
_CONTROLS = {0: "<|endoftext|>", 1: "<|im_start|>", 2: "<|im_end|>", 14: "<tool_call>", 15: "</tool_call>"}
_CONTROLS |= {22: "<tool_response>", 23: "</tool_response>", 24: "<think>", 25: "</think>"}
_PADDING = 933  # MiMo's controls begin so far before the end of the vocabulary
_WORDS = ("system", "user", "assistant")
_CONSTANT = 16.0  # the channel that is the same for every token; as large as all others together

Matrix = NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Shape:
    """6.6 million parameters, and the two vocabulary matrices."""

    vocabulary: int
    logits: Literal["flat", "peaked"] = "flat"
    layers: int = 8
    width: int = 256
    feed_forward: int = 736
    heads: int = 4
    context: int = 16384

    @property
    def name(self) -> str:
        """What its file is called."""
        return f"random-{self.vocabulary}-{self.logits}-v{VERSION}"


def tokens(vocabulary: int) -> tuple[list[str], dict[int, str], list[str]]:
    """(texts of all ids in byte-level BPE's alphabet, the control tokens among them, merges).

    Bytes come first, then the role names and the steps of merging to them; all other ids have texts no prompt yields.
    """
    texts = list(_byte_alphabet())
    merges = []
    for word in _WORDS:
        for end in range(2, len(word) + 1):
            merges.append(f"{word[: end - 1]} {word[end - 1]}")
            texts.append(word[:end])
    texts += [f"Ġw{number}" for number in range(len(texts), vocabulary)]
    controls = {vocabulary - _PADDING + offset: name for offset, name in _CONTROLS.items()}
    for token, name in controls.items():
        texts[token] = name
    return texts, controls, merges


def _byte_alphabet() -> list[str]:
    """GPT-2's printable stand-in of each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def weights(shape: Shape, seed: int = 0) -> dict[str, Matrix]:
    """GGUF tensor name → array, outermost dimension first."""
    random = np.random.default_rng(seed)
    width, size = shape.width, shape.vocabulary

    def normal(rows: int, columns: int, scale: float) -> Matrix:
        return (random.standard_normal((rows, columns), np.float32) * np.float32(scale)).astype(np.float16)

    embedding = normal(size, width, 1.0)
    embedding[:, 0] = _CONSTANT
    norm = np.sqrt((_CONSTANT**2 + width - 1) / width)  # of a hidden row, to which the layers add little
    spread = 3.0 if shape.logits == "flat" else 0.5
    head = normal(size, width, spread * norm / np.sqrt(width - 1))
    law = -1.7 * np.log(random.permutation(size) + 2.0) if shape.logits == "peaked" else np.zeros(size)
    head[:, 0] = (law * norm / _CONSTANT).astype(np.float16)
    found = {"token_embd.weight": embedding, "output.weight": head, "output_norm.weight": np.ones(width, np.float16)}
    inner, small = shape.feed_forward, 0.3 / np.sqrt(width)
    for layer in range(shape.layers):
        for name, rows, columns in (
            ("attn_q", width, width),
            ("attn_k", width, width),
            ("attn_v", width, width),
            ("attn_output", width, width),
            ("ffn_gate", inner, width),
            ("ffn_up", inner, width),
            ("ffn_down", width, inner),
        ):
            matrix = normal(rows, columns, small)
            if name in ("attn_output", "ffn_down"):
                matrix[0] = 0  # nothing is added to the constant channel
            found[f"blk.{layer}.{name}.weight"] = matrix
        for name in ("attn_norm", "ffn_norm"):
            found[f"blk.{layer}.{name}.weight"] = np.ones(width, np.float16)
    return found


def gguf_file(shape: Shape, folder: Path = CACHE) -> Path:
    """The GGUF of `shape`, made if it is not there."""
    path = folder / f"{shape.name}.gguf"
    if path.exists():
        return path
    import gguf

    folder.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    writer = gguf.GGUFWriter(new, "llama")
    writer.add_name(shape.name)
    writer.add_context_length(shape.context)
    writer.add_block_count(shape.layers)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(1)  # f16
    texts, controls, merges = tokens(shape.vocabulary)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(texts)
    kinds = np.full(len(texts), gguf.TokenType.NORMAL)
    kinds[list(controls)] = gguf.TokenType.CONTROL
    writer.add_token_types(kinds.tolist())
    writer.add_token_merges(merges)
    writer.add_eos_token_id(shape.vocabulary - _PADDING + 2)
    writer.add_add_bos_token(False)
    for name, value in weights(shape).items():
        writer.add_tensor(name, value.astype(np.float32) if "norm" in name else value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return new.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocabulary", type=int, default=152576)
    parser.add_argument("--logits", choices=("flat", "peaked"), default="flat")
    options = parser.parse_args()
    print(gguf_file(Shape(options.vocabulary, options.logits)))


if __name__ == "__main__":
    main()
