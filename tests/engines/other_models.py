"""Tiny random models of other families, written as GGUF with nano's vocabulary: what `--model` must also take."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from mimo.nano import gguf_path

WIDTH, LAYERS = 64, 2
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% if enable_thinking %}<think>\n{% endif %}{% endif %}"
)


class Writer:
    """A GGUF being written: random tensors from a seed, the tokenizer copied from nano."""

    def __init__(self, path: Path, architecture: str) -> None:
        self.writer = gguf.GGUFWriter(path, architecture)
        self.dice = np.random.default_rng(1)
        fields = gguf.GGUFReader(gguf_path()).fields
        tokens = fields["tokenizer.ggml.tokens"].contents()
        self.vocabulary = len(tokens)
        write = self.writer
        write.add_name(f"tiny-{architecture}")
        write.add_tokenizer_model("gpt2")
        write.add_tokenizer_pre("qwen2")
        write.add_token_list(tokens)
        write.add_token_types(fields["tokenizer.ggml.token_type"].contents())
        write.add_token_merges(fields["tokenizer.ggml.merges"].contents())
        write.add_eos_token_id(fields["tokenizer.ggml.eos_token_id"].contents())
        write.add_chat_template(CHATML)
        write.add_context_length(512)
        write.add_embedding_length(WIDTH)
        write.add_block_count(LAYERS)
        write.add_layer_norm_rms_eps(1e-5)
        self.random("token_embd", self.vocabulary, WIDTH)
        self.random("output", self.vocabulary, WIDTH)
        self.ones("output_norm", WIDTH)

    def random(self, name: str, *shape: int, part: str = "weight") -> None:
        tensor = self.dice.normal(0, 0.3 / shape[-1] ** 0.5, shape).astype(np.float32)
        self.writer.add_tensor(f"{name}.{part}" if part else name, tensor)

    def ones(self, name: str, *shape: int, scale: float = 1.0, part: str = "weight") -> None:
        self.writer.add_tensor(f"{name}.{part}" if part else name, np.full(shape, scale, np.float32))

    def close(self) -> None:
        self.writer.write_header_to_file()
        self.writer.write_kv_data_to_file()
        self.writer.write_tensors_to_file()
        self.writer.close()


def write_llama(path: Path) -> None:
    """A transformer of the commonest shape."""
    w = Writer(path, "llama")
    w.writer.add_feed_forward_length(128)
    w.writer.add_head_count(4)
    w.writer.add_head_count_kv(2)
    w.writer.add_rope_dimension_count(WIDTH // 4)
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        w.ones(f"{block}.attn_norm", WIDTH)
        w.ones(f"{block}.ffn_norm", WIDTH)
        w.random(f"{block}.attn_q", WIDTH, WIDTH)
        w.random(f"{block}.attn_k", WIDTH // 2, WIDTH)
        w.random(f"{block}.attn_v", WIDTH // 2, WIDTH)
        w.random(f"{block}.attn_output", WIDTH, WIDTH)
        w.random(f"{block}.ffn_gate", 128, WIDTH)
        w.random(f"{block}.ffn_up", 128, WIDTH)
        w.random(f"{block}.ffn_down", WIDTH, 128)
    w.close()


def write_mamba(path: Path) -> None:
    """A recurrent model: its state cannot be rewound, so no dummy rows and no cut prefixes."""
    w = Writer(path, "mamba")
    inner, state, rank, kernel = 2 * WIDTH, 8, 4, 4
    w.writer.add_ssm_conv_kernel(kernel)
    w.writer.add_ssm_inner_size(inner)
    w.writer.add_ssm_state_size(state)
    w.writer.add_ssm_time_step_rank(rank)
    w.writer.add_feed_forward_length(0)
    w.writer.add_head_count(0)
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        w.ones(f"{block}.attn_norm", WIDTH)
        w.random(f"{block}.ssm_in", 2 * inner, WIDTH)
        w.random(f"{block}.ssm_conv1d", inner, kernel)
        w.random(f"{block}.ssm_conv1d", inner, part="bias")
        w.random(f"{block}.ssm_x", rank + 2 * state, inner)
        w.random(f"{block}.ssm_dt", inner, rank)
        w.random(f"{block}.ssm_dt", inner, part="bias")
        w.ones(f"{block}.ssm_a", inner, state, scale=-0.5, part="")
        w.ones(f"{block}.ssm_d", inner, part="")
        w.random(f"{block}.ssm_out", WIDTH, inner)
    w.close()
