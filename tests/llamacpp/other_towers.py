"""Random towers of two other families: positions of rows and columns (M-RoPE), and rows that see those after them."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

INNER, PATCH = 32, 8


class _Writer:
    def __init__(self, file: Path, kind: str, width: int, blocks: int) -> None:
        self.gguf = write = gguf.GGUFWriter(file, "clip")
        self._random = np.random.default_rng(2)
        write.add_string("general.type", "mmproj")
        write.add_uint32("general.file_type", 0)
        write.add_bool("clip.has_vision_encoder", True)
        write.add_string("clip.vision.projector_type", kind)
        numbers = {
            "embedding_length": INNER, "feed_forward_length": 2 * INNER, "block_count": blocks, "image_size": 128,
            "patch_size": PATCH, "projection_dim": width, "attention.head_count": 2,
        }  # fmt: skip
        for name, value in numbers.items():
            write.add_uint32(f"clip.vision.{name}", value)
        write.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-6)
        write.add_array("clip.vision.image_mean", [0.5] * 3)
        write.add_array("clip.vision.image_std", [0.5] * 3)

    def weights(self, name: str, *shape: int) -> None:
        values = self._random.standard_normal(shape) / np.sqrt(shape[-1])
        self.gguf.add_tensor(name, values.astype(np.float32))

    def norm(self, name: str, size: int) -> None:
        self.gguf.add_tensor(f"{name}.weight", np.ones(size, np.float32))
        self.gguf.add_tensor(f"{name}.bias", np.zeros(size, np.float32))

    def close(self) -> None:
        self.gguf.write_header_to_file()
        self.gguf.write_kv_data_to_file()
        self.gguf.write_tensors_to_file()
        self.gguf.close()


def write_spread(file: Path, width: int) -> None:
    """Qwen2-VL's shape: an image takes as many positions as its longer side has rows, in a model with M-RoPE."""
    w = _Writer(file, "qwen2vl_merger", width, 1)
    w.gguf.add_bool("clip.use_silu", True)
    w.gguf.add_uint32("clip.vision.image_min_pixels", 1024)
    w.gguf.add_uint32("clip.vision.image_max_pixels", 65536)
    for name in ("v.patch_embd.weight", "v.patch_embd.weight.1"):
        w.weights(name, INNER, 3, PATCH, PATCH)
    for part in ("q", "k", "v", "out"):
        w.weights(f"v.blk.0.attn_{part}.weight", INNER, INNER)
        w.weights(f"v.blk.0.attn_{part}.bias", INNER)
    for norm in ("v.blk.0.ln1", "v.blk.0.ln2", "v.post_ln"):
        w.norm(norm, INNER)
    for name, out, into in (
        ("ffn_up", 2 * INNER, INNER),
        ("ffn_gate", 2 * INNER, INNER),
        ("ffn_down", INNER, 2 * INNER),
    ):
        w.weights(f"v.blk.0.{name}.weight", out, into)
        w.weights(f"v.blk.0.{name}.bias", out)
    for at, out in ((0, 4 * INNER), (2, width)):
        w.weights(f"mm.{at}.weight", out, 4 * INNER)
        w.weights(f"mm.{at}.bias", out)
    w.close()


def write_whole(file: Path, width: int) -> None:
    """Gemma 4's smallest shape: no layers, and every row of an image sees all the others in the model."""
    w = _Writer(file, "gemma4uv", width, 0)
    side = 3 * PATCH
    w.weights("v.patch_embd.weight", INNER, 3 * side * side)
    w.weights("v.patch_embd.bias", INNER)
    w.weights("v.position_embd.weight", 2, 64, INNER)
    w.norm("v.patch_norm.1", 3 * side * side)
    w.norm("v.patch_norm.2", INNER)
    w.norm("v.patch_norm.3", INNER)
    w.weights("mm.input_projection.weight", width, INNER)
    w.close()
