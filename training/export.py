"""Writes a checkpoint as HF safetensors and as GGUF: `python -m training.export --out training/out --gguf nano.gguf`.

GGUF keys and tensor names are those llama.cpp reads for the architecture `mimo2`. One sliding window value goes to
both sides. It knows files and layouts, not training.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf.constants import GGMLQuantizationType as Kind
from gguf.quants import dequantize, quantize
from torch import Tensor

from training.chat import SPECIALS
from training.config import SIZES, SLIDING, Size

TEMPLATE = Path(__file__).with_name("template.jinja")
LAYER = {
    "input_layernorm.weight": "attn_norm.weight",
    "post_attention_layernorm.weight": "ffn_norm.weight",
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.o_proj.weight": "attn_output.weight",
    "self_attn.sinks": "attn_sinks.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
    "mlp.gate.weight": "ffn_gate_inp.weight",
    "mlp.gate.e_score_correction_bias": "exp_probs_b.bias",
    "mlp.experts.down_proj": "ffn_down_exps.weight",
}
TOP = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}


def hf_config(size: Size) -> dict[str, object]:
    """Keyword arguments of transformers' MiMoV2FlashConfig."""
    rope = {"rope_type": "default", "partial_rotary_factor": size.rotary_factor}
    return {
        "vocab_size": size.vocabulary,
        "hidden_size": size.width,
        "intermediate_size": size.dense_width,
        "num_hidden_layers": len(size.layers),
        "num_attention_heads": size.heads,
        "num_key_value_heads": size.kv_heads,
        "head_dim": size.key_size,
        "v_head_dim": size.value_size,
        "sliding_window": size.window,
        "layer_types": list(size.layers),
        "mlp_layer_types": ["dense"] + ["sparse"] * (len(size.layers) - 1),
        "moe_intermediate_size": size.expert_width,
        "n_routed_experts": size.experts,
        "num_experts_per_tok": size.experts_used,
        "attention_value_scale": size.value_scale,
        "rms_norm_eps": size.epsilon,
        "max_position_embeddings": size.context,
        "rope_parameters": {
            "full_attention": {**rope, "rope_theta": size.theta_full},
            "sliding_attention": {**rope, "rope_theta": size.theta_sliding},
        },
        "bos_token_id": None,
        "eos_token_id": SPECIALS.index("<|im_end|>"),
        "pad_token_id": SPECIALS.index("<|endoftext|>"),
    }


def renamed(state: dict[str, Tensor]) -> dict[str, np.ndarray]:
    """GGUF tensor name → float32 array, outermost dimension first."""
    out: dict[str, np.ndarray] = {}
    for name, tensor in state.items():
        value = tensor.float().numpy()
        if name in TOP:
            out[TOP[name]] = value
            continue
        _, _, layer, rest = name.split(".", 3)
        if rest == "mlp.experts.gate_up_proj":
            gate, up = np.split(value, 2, axis=1)
            out[f"blk.{layer}.ffn_gate_exps.weight"], out[f"blk.{layer}.ffn_up_exps.weight"] = gate, up
        else:
            out[f"blk.{layer}.{LAYER[rest]}"] = value
    return out


def state_of(path: Path, size: Size) -> dict[str, Tensor]:
    """A GGUF's weights under transformers' names, dequantised: what training goes on from. The reverse of `renamed`."""
    back = {new: old for old, new in LAYER.items()}
    stored = {
        tensor.name: torch.tensor(dequantize(tensor.data, tensor.tensor_type))
        for tensor in gguf.GGUFReader(path).tensors
    }
    state = {old: stored.pop(new) for old, new in TOP.items()}
    for layer in range(1, len(size.layers)):
        halves = [stored.pop(f"blk.{layer}.ffn_{half}_exps.weight") for half in ("gate", "up")]
        state[f"model.layers.{layer}.mlp.experts.gate_up_proj"] = torch.cat(halves, dim=1)
    for name, value in stored.items():
        _, number, rest = name.split(".", 2)
        state[f"model.layers.{number}.{back[rest]}"] = value
    return state


def add_shape(writer: gguf.GGUFWriter, size: Size) -> None:
    """The `mimo2.` keys."""
    count = len(size.layers)
    writer.add_name("mimo-nano")
    writer.add_description(
        "The small test model of the mimo project, trained from scratch on text its own code generates."
    )
    writer.add_license("apache-2.0")
    writer.add_block_count(count)
    writer.add_context_length(size.context)
    writer.add_embedding_length(size.width)
    writer.add_feed_forward_length(size.dense_width)
    writer.add_head_count(size.heads)
    writer.add_head_count_kv([size.kv_heads_of(i) for i in range(count)])
    writer.add_key_length(size.key_size)
    writer.add_value_length(size.value_size)
    writer.add_sliding_window(size.window)
    writer.add_array("mimo2.attention.sliding_window_pattern", [kind == SLIDING for kind in size.layers])
    writer.add_float32("mimo2.attention.value_scale", size.value_scale)
    writer.add_layer_norm_rms_eps(size.epsilon)
    writer.add_rope_dimension_count(size.rotary)
    writer.add_rope_freq_base(size.theta_full)
    writer.add_float32("mimo2.rope.freq_base_swa", size.theta_sliding)
    writer.add_expert_count(size.experts)
    writer.add_expert_used_count(size.experts_used)
    writer.add_expert_feed_forward_length(size.expert_width)
    writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    writer.add_vocab_size(size.vocabulary)


def add_tokenizer(writer: gguf.GGUFWriter, size: Size, data: dict) -> None:
    """The `tokenizer.` keys; special tokens are CONTROL, so plain text never yields them."""
    vocabulary = {i: text for text, i in data["model"]["vocab"].items()}
    texts = [vocabulary.get(i, f"<|unused_{i}|>") for i in range(size.vocabulary)]
    kinds = [gguf.TokenType.CONTROL if i < len(SPECIALS) else gguf.TokenType.NORMAL for i in range(size.vocabulary)]
    kinds = [kind if i in vocabulary else gguf.TokenType.UNUSED for i, kind in enumerate(kinds)]
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in data["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(texts)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_eos_token_id(SPECIALS.index("<|im_end|>"))
    writer.add_pad_token_id(SPECIALS.index("<|endoftext|>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE.read_text("utf-8"))


def write_gguf(path: Path, size: Size, state: dict[str, Tensor], tokenizer: dict, kind: Kind = Kind.Q8_0) -> None:
    """The whole file, written next to `path` and then moved there."""
    new = path.with_suffix(".new")
    writer = gguf.GGUFWriter(new, "mimo2")
    add_shape(writer, size)
    add_tokenizer(writer, size, tokenizer)
    writer.add_file_type({Kind.Q8_0: 7, Kind.F16: 1, Kind.F32: 0}[kind])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    for name, value in renamed(state).items():
        small = value.ndim == 1 or "ffn_gate_inp" in name
        if small or kind == Kind.F32:
            writer.add_tensor(name, value)
        elif kind == Kind.F16:
            writer.add_tensor(name, value.astype(np.float16))
        else:
            writer.add_tensor(name, quantize(value, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.replace(new, path)


def write_hf(folder: Path, size: Size, state: dict[str, Tensor], tokenizer: dict) -> None:
    """`MiMoV2FlashForCausalLM.save_pretrained`, with the tokenizer next to it."""
    from transformers import MiMoV2FlashConfig, MiMoV2FlashForCausalLM

    model = MiMoV2FlashForCausalLM(MiMoV2FlashConfig(**hf_config(size)))
    model.load_state_dict(state)
    model.save_pretrained(folder)
    added = [
        {
            "id": i,
            "content": name,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for i, name in enumerate(SPECIALS)
    ]
    (folder / "tokenizer.json").write_text(
        json.dumps({**tokenizer, "added_tokens": added}, ensure_ascii=False), "utf-8"
    )
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "model_max_length": size.context,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2), "utf-8")
    (folder / "chat_template.jinja").write_text(TEMPLATE.read_text("utf-8"), "utf-8")


def main() -> None:
    """Export the checkpoint in --out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("training/out"))
    parser.add_argument("--size", choices=SIZES, default="cpu")
    parser.add_argument("--gguf", type=Path, help="where the GGUF goes")
    parser.add_argument("--kind", choices=("Q8_0", "F16", "F32"), default="Q8_0")
    parser.add_argument("--hf", type=Path, help="folder for safetensors, config and tokenizer")
    parser.add_argument("--mix", type=Path, help="a GGUF whose weights are averaged with the checkpoint's")
    parser.add_argument("--share", type=float, default=0.75, help="of the checkpoint in that average")
    args = parser.parse_args()
    state = torch.load(args.out / "checkpoint.pt", map_location="cpu")["model"]
    if args.mix:
        before = state_of(args.mix, SIZES[args.size])
        state = {name: before[name].lerp(value, args.share) for name, value in state.items()}
    tokenizer = json.loads((args.out / "tokenizer.json").read_text("utf-8"))
    if args.gguf:
        write_gguf(args.gguf, SIZES[args.size], state, tokenizer, Kind[args.kind])
        print(f"{args.gguf}: {args.gguf.stat().st_size / 1e6:.2f} MB")
    if args.hf:
        write_hf(args.hf, SIZES[args.size], state, tokenizer)


if __name__ == "__main__":
    main()
