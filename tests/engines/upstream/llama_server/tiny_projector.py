"""A tiny random projector in LLaVA's shape, as the GGUF that llama-server loads beside a model: 16 tokens an image.

What it makes of an image is noise; that it is asked, and answers, is what can be tested.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

WIDTH, PATCH, SIDE, INNER, LAYERS = 32, 16, 64, 64, 2
TOKENS = (SIDE // PATCH) ** 2


def write_projector(file: Path, width: int) -> None:
    """Weights of seed 0, for a model whose embeddings have `width`."""
    writer = gguf.GGUFWriter(file, "clip")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "mlp")
    writer.add_bool("clip.use_gelu", True)
    sizes = {
        "image_size": SIDE, "patch_size": PATCH, "embedding_length": WIDTH, "feed_forward_length": INNER,
        "block_count": LAYERS, "projection_dim": width, "attention.head_count": 2,
    }  # fmt: skip
    for name, value in sizes.items():
        writer.add_uint32(f"clip.vision.{name}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    random = np.random.default_rng(0)

    def weights(name: str, *shape: int) -> None:
        writer.add_tensor(f"{name}.weight", random.normal(0, 0.1, shape).astype(np.float32))

    def with_bias(name: str, rows: int, columns: int) -> None:
        weights(name, rows, columns)
        writer.add_tensor(f"{name}.bias", np.zeros(rows, np.float32))

    def norm(name: str) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))
        writer.add_tensor(f"{name}.bias", np.zeros(WIDTH, np.float32))

    weights("v.patch_embd", WIDTH, 3, PATCH, PATCH)
    weights("v.position_embd", TOKENS, WIDTH)
    for layer in range(LAYERS):
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            with_bias(f"v.blk.{layer}.{name}", WIDTH, WIDTH)
        norm(f"v.blk.{layer}.ln1")
        norm(f"v.blk.{layer}.ln2")
        with_bias(f"v.blk.{layer}.ffn_up", INNER, WIDTH)
        with_bias(f"v.blk.{layer}.ffn_down", WIDTH, INNER)
    norm("v.post_ln")
    with_bias("mm.0", width, WIDTH)
    with_bias("mm.2", width, width)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
