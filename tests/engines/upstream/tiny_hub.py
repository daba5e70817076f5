"""A tiny random model in Llama's shape, as the folder that vLLM loads: one id a byte, and MiMo's control tokens.

Its output is noise with a spread of probabilities that can be measured: logits of standard deviation 3 over the
printable ASCII characters and the tokens that a turn needs. One dimension of the residual stream never changes, so that
the head's weights on it are a bias, which keeps everything else away: a half character has no text to be known by.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from mimo.tokenizers.bytes import CONTROL_NAMES

WIDTH, LAYERS, HEADS, INNER, VOCABULARY, WINDOW = 128, 2, 4, 256, 265, 1024
_SPREAD, _AWAY = 3.0, 8.0
_LIKELY = [*range(32, 127), 258, 259, 260]  # with <|im_end|>, <think>, </think>
_TEMPLATE = (
    "{%- for m in messages -%}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>' }}{%- endfor -%}"
    "{{ '<|im_start|>assistant\\n' }}{%- if not enable_thinking -%}{{ '<think></think>' }}{%- endif -%}"
)


def write_model(folder: Path) -> None:
    """Config, tokenizer, template and weights (float32, seed 0)."""
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, Any] = {
        "config.json": _config(),
        "generation_config.json": {"eos_token_id": [256, 258], "temperature": 0.5, "top_k": 5},
        "tokenizer.json": _tokenizer(),
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": "<|im_end|>",
            "chat_template": _TEMPLATE,
        },
    }
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value))
    _write_safetensors(folder / "model.safetensors", _weights())


def _config() -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "head_dim": WIDTH // HEADS,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": WINDOW,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "attention_bias": False,
        "mlp_bias": False,
        "torch_dtype": "float32",
        "eos_token_id": 258,
        "bos_token_id": None,
    }


def _tokenizer() -> dict[str, Any]:
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(256, 512))
    letters = [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": 256 + at, "content": name, **flags} for at, name in enumerate(CONTROL_NAMES)],
        "normalizer": None,
        "pre_tokenizer": level,
        "post_processor": None,
        "decoder": level,
        "model": {"type": "BPE", "vocab": {letter: at for at, letter in enumerate(letters)}, "merges": []},
    }


def _weights() -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    random = np.random.default_rng(0)

    def normal(rows: int, columns: int, deviation: float) -> np.ndarray[Any, np.dtype[np.float32]]:
        return random.normal(0, deviation, (rows, columns)).astype(np.float32)

    ones = np.ones(WIDTH, np.float32)
    named = {"model.embed_tokens.weight": normal(VOCABULARY, WIDTH, 1.0), "model.norm.weight": ones}
    named["lm_head.weight"] = normal(VOCABULARY, WIDTH, _SPREAD / WIDTH**0.5)
    for layer in range(LAYERS):
        at = f"model.layers.{layer}."
        named |= {f"{at}input_layernorm.weight": ones, f"{at}post_attention_layernorm.weight": ones}
        for name in "qkvo":
            named[f"{at}self_attn.{name}_proj.weight"] = normal(WIDTH, WIDTH, WIDTH**-0.5)
        named[f"{at}mlp.gate_proj.weight"] = normal(INNER, WIDTH, WIDTH**-0.5)
        named[f"{at}mlp.up_proj.weight"] = normal(INNER, WIDTH, WIDTH**-0.5)
        named[f"{at}mlp.down_proj.weight"] = normal(WIDTH, INNER, INNER**-0.5)
        named[f"{at}self_attn.o_proj.weight"][0] = named[f"{at}mlp.down_proj.weight"][0] = 0
    named["model.embed_tokens.weight"][:, 0] = 4.0
    named["lm_head.weight"][:, 0] = -_AWAY
    named["lm_head.weight"][_LIKELY, 0] = 0
    return named


def _write_safetensors(file: Path, tensors: dict[str, np.ndarray[Any, np.dtype[np.float32]]]) -> None:
    header: dict[str, Any] = {}
    end = 0
    for name, value in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [end, end + value.nbytes]}
        end += value.nbytes
    head = json.dumps(header).encode()
    file.write_bytes(len(head).to_bytes(8, "little") + head + b"".join(value.tobytes() for value in tensors.values()))
