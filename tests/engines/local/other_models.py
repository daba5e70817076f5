"""Tiny random models of other families, written as GGUF with nano's vocabulary: what `--model` must also take."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from mimo.nano import gguf_path

WIDTH, LAYERS = 64, 2
BLOCK = 256  # weights; Q4_K and Q6_K have no smaller one
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% if enable_thinking %}<think>\n{% endif %}{% endif %}"
)


K_QUANTS = {  # bytes of a block, where its scale stands, about the largest weight at scale 1
    gguf.GGMLQuantizationType.Q4_K: (144, 0, 400.0),
    gguf.GGMLQuantizationType.Q6_K: (210, 208, 2000.0),
}


class Writer:
    """A GGUF being written: random tensors from a seed, the tokenizer copied from nano. `kind`: of its matrices;
    `template`: its chat template, None for a file without one."""

    def __init__(
        self, path: Path, architecture: str, kind: str = "F32", width: int = WIDTH, template: str | None = CHATML
    ) -> None:
        self.kind = gguf.GGMLQuantizationType[kind]
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
        if template is not None:
            write.add_chat_template(template)
        write.add_context_length(512)
        write.add_embedding_length(width)
        write.add_block_count(LAYERS)
        write.add_layer_norm_rms_eps(1e-5)
        self.random("token_embd", self.vocabulary, width)
        self.random("output", self.vocabulary, width)
        self.ones("output_norm", width)

    def random(self, name: str, *shape: int, part: str = "weight") -> None:
        name, spread = f"{name}.{part}" if part else name, 0.3 / shape[-1] ** 0.5
        if self.kind in K_QUANTS and len(shape) == 2:
            return self.writer.add_tensor(name, self._blocks(shape, spread), raw_dtype=self.kind)
        tensor = self.dice.normal(0, spread, shape).astype(np.float32)
        if self.kind == gguf.GGMLQuantizationType.F32 or len(shape) != 2:
            return self.writer.add_tensor(name, tensor)
        self.writer.add_tensor(name, gguf.quants.quantize(tensor, self.kind), raw_dtype=self.kind)

    def _blocks(self, shape: tuple[int, ...], spread: float) -> np.ndarray:
        """Random blocks [rows, bytes]: any bytes are some weights, and the scale in each keeps them small."""
        size, scale_at, largest = K_QUANTS[self.kind]
        blocks = self.dice.integers(0, 256, (shape[0], shape[1] // BLOCK, size), np.uint8)
        scales = np.array([spread / largest, 0.0], np.float16)[: 2 if scale_at == 0 else 1]
        blocks[:, :, scale_at : scale_at + scales.nbytes] = scales.view(np.uint8)
        return blocks.reshape(shape[0], -1)

    def ones(self, name: str, *shape: int, scale: float = 1.0, part: str = "weight") -> None:
        self.writer.add_tensor(f"{name}.{part}" if part else name, np.full(shape, scale, np.float32))

    def close(self) -> None:
        self.writer.write_header_to_file()
        self.writer.write_kv_data_to_file()
        self.writer.write_tensors_to_file()
        self.writer.close()


def write_llama(path: Path, kind: str = "F32", width: int = WIDTH, template: str | None = CHATML) -> None:
    """A transformer of the commonest shape."""
    w = Writer(path, "llama", kind, width, template)
    w.writer.add_feed_forward_length(2 * width)
    w.writer.add_head_count(4)
    w.writer.add_head_count_kv(2)
    w.writer.add_rope_dimension_count(width // 4)
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        w.ones(f"{block}.attn_norm", width)
        w.ones(f"{block}.ffn_norm", width)
        w.random(f"{block}.attn_q", width, width)
        w.random(f"{block}.attn_k", width // 2, width)
        w.random(f"{block}.attn_v", width // 2, width)
        w.random(f"{block}.attn_output", width, width)
        w.random(f"{block}.ffn_gate", 2 * width, width)
        w.random(f"{block}.ffn_up", 2 * width, width)
        w.random(f"{block}.ffn_down", width, 2 * width)
    w.close()


def write_qwen2vl(path: Path) -> None:
    """A transformer with M-RoPE: the position of a row of an image is a time, a row and a column."""
    w = Writer(path, "qwen2vl")
    w.writer.add_feed_forward_length(2 * WIDTH)
    w.writer.add_head_count(4)
    w.writer.add_head_count_kv(2)
    w.writer.add_rope_dimension_sections([4, 2, 2, 0])
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        w.ones(f"{block}.attn_norm", WIDTH)
        w.ones(f"{block}.ffn_norm", WIDTH)
        w.random(f"{block}.attn_q", WIDTH, WIDTH)
        w.random(f"{block}.attn_k", WIDTH // 2, WIDTH)
        w.random(f"{block}.attn_v", WIDTH // 2, WIDTH)
        for name, size in (("attn_q", WIDTH), ("attn_k", WIDTH // 2), ("attn_v", WIDTH // 2)):
            w.random(f"{block}.{name}", size, part="bias")
        w.random(f"{block}.attn_output", WIDTH, WIDTH)
        w.random(f"{block}.ffn_gate", 2 * WIDTH, WIDTH)
        w.random(f"{block}.ffn_up", 2 * WIDTH, WIDTH)
        w.random(f"{block}.ffn_down", WIDTH, 2 * WIDTH)
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


def write_qwen35(path: Path, kind: str = "F32") -> None:
    """A hybrid: every second layer has attention, and the others a recurrent state (gated delta rule)."""
    width, heads, size = 256, 4, 64
    groups, states = 2, 64
    w = Writer(path, "qwen35", kind, width)
    w.writer.add_feed_forward_length(2 * width)
    w.writer.add_head_count(heads)
    w.writer.add_head_count_kv(1)
    w.writer.add_key_length(size)
    w.writer.add_value_length(size)
    w.writer.add_rope_dimension_count(size // 2)
    w.writer.add_array("qwen35.rope.dimension_sections", [6, 5, 5, 0])
    w.writer.add_ssm_conv_kernel(4)
    w.writer.add_ssm_inner_size(states * heads)
    w.writer.add_ssm_state_size(states)
    w.writer.add_ssm_time_step_rank(heads)
    w.writer.add_ssm_group_count(groups)
    w.writer.add_uint32("qwen35.full_attention_interval", LAYERS)
    keys, values = states * groups, states * heads
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        w.ones(f"{block}.attn_norm", width)
        w.ones(f"{block}.post_attention_norm", width)
        if layer == LAYERS - 1:
            w.random(f"{block}.attn_q", 2 * size * heads, width)
            w.random(f"{block}.attn_k", size, width)
            w.random(f"{block}.attn_v", size, width)
            w.random(f"{block}.attn_output", width, size * heads)
            w.ones(f"{block}.attn_q_norm", size)
            w.ones(f"{block}.attn_k_norm", size)
        else:
            w.random(f"{block}.attn_qkv", 2 * keys + values, width)
            w.random(f"{block}.attn_gate", values, width)
            w.random(f"{block}.ssm_conv1d", 2 * keys + values, 4)
            w.random(f"{block}.ssm_dt", heads, part="bias")
            w.ones(f"{block}.ssm_a", heads, scale=-0.5, part="")
            w.random(f"{block}.ssm_beta", heads, width)
            w.random(f"{block}.ssm_alpha", heads, width)
            w.ones(f"{block}.ssm_norm", states)
            w.random(f"{block}.ssm_out", width, values)
        w.random(f"{block}.ffn_gate", 2 * width, width)
        w.random(f"{block}.ffn_up", 2 * width, width)
        w.random(f"{block}.ffn_down", width, 2 * width)
    w.close()
