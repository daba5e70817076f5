"""The random model once more, as the folder that vLLM and transformers load: config, tokenizer and safetensors.

Same shape and same numbers as the GGUF; rotary pairs are laid out differently, so the words differ, which nobody reads.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from bench.random_model import CACHE, Matrix, Shape, tokens, weights

_LAYER = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
_TOP = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output.weight": "lm_head.weight",
    "output_norm.weight": "model.norm.weight",
}


def hub_folder(shape: Shape, folder: Path = CACHE) -> Path:
    """The folder of `shape`, made if it is not there."""
    path = folder / shape.name
    if (path / "config.json").exists():
        return path
    path.mkdir(parents=True, exist_ok=True)
    write_safetensors(path / "model.safetensors", {_hub_name(name): value for name, value in weights(shape).items()})
    (path / "tokenizer.json").write_text(json.dumps(_tokenizer(shape.vocabulary)), "utf-8")
    names = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>", "model_max_length": shape.context}
    (path / "tokenizer_config.json").write_text(json.dumps(names), "utf-8")
    (path / "config.json").write_text(json.dumps(_config(shape)), "utf-8")  # last: a folder that has it is whole
    return path


def write_safetensors(path: Path, tensors: dict[str, Matrix]) -> None:
    """Float16 tensors in the safetensors format: length of the header, the header, the bytes."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    start = 0
    for name, value in tensors.items():
        header[name] = {"dtype": "F16", "shape": value.shape, "data_offsets": [start, start + value.nbytes]}
        start += value.nbytes
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    with path.open("wb") as file:
        file.write(np.uint64(len(encoded)).tobytes() + encoded)
        for value in tensors.values():
            file.write(np.ascontiguousarray(value).tobytes())


def _hub_name(name: str) -> str:
    if name in _TOP:
        return _TOP[name]
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{_LAYER[part]}.weight"


def _config(shape: Shape) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.width,
        "intermediate_size": shape.feed_forward,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "max_position_embeddings": shape.context,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": False,
        "torch_dtype": "float16",
        "bos_token_id": None,
        "eos_token_id": tokens(shape.vocabulary)[0].index("<|im_end|>"),
    }


def _tokenizer(vocabulary: int) -> dict[str, Any]:
    texts, controls, merges = tokens(vocabulary)
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "added_tokens": [{"id": token, "content": name, **flags} for token, name in controls.items()],
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": True},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": True},
        "model": {
            "type": "BPE",
            "vocab": {text: token for token, text in enumerate(texts)},
            "merges": [merge.split(" ") for merge in merges],
        },
    }
