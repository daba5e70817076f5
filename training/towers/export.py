"""A trained tower as the GGUF that is loaded beside nano: `python -m training.towers.export --gguf FILE`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import gguf
import numpy as np
import torch
from torch import Tensor

from training.towers.vision import Vision, VisionSize

HALF = ("attn_qkv.weight", "attn_out.weight", "ffn_gate.weight", "ffn_up.weight", "ffn_down.weight", "mm.0.", "mm.2.")
"""Matrices, which are stored as F16; the rest is F32."""

SILENT = -30.0
"""A sink that takes no attention. The library wants a block with a window and with columns first; here its window is as
wide as the largest picture, and so it attends to all of it as the others do."""


def renamed(state: dict[str, Tensor]) -> dict[str, np.ndarray]:
    """GGUF tensor name → array. The library adds the outputs of two kernels, one for each of two frames of a film: the
    second one is zero."""
    out: dict[str, np.ndarray] = {}
    for name, tensor in state.items():
        value = tensor.float().numpy()
        if name == "patch.weight":
            out["v.patch_embd.weight"], out["v.patch_embd.weight.1"] = value, np.zeros_like(value)
            continue
        new = f"v.{name}".replace("v.blocks.", "v.blk.").replace("v.mm_", "mm.")
        half = any(part in new for part in HALF) and value.ndim == 2
        out[new] = value.astype(np.float16) if half else value
    return out


def write_gguf(path: Path, size: VisionSize, state: dict[str, Tensor]) -> None:
    """The whole file, written beside `path` and then moved there."""
    new = path.with_suffix(".new")
    writer = gguf.GGUFWriter(new, "clip")
    writer.add_string("general.type", "mmproj")
    writer.add_name("mimo-nano towers")
    writer.add_license("apache-2.0")
    writer.add_file_type(1)
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_bool("clip.use_silu", True)
    writer.add_string("clip.vision.projector_type", "mimovl")
    numbers = {
        "embedding_length": size.width, "feed_forward_length": size.forward, "block_count": size.layers,
        "projection_dim": size.out, "image_size": 256, "patch_size": size.patch, "spatial_merge_size": 2,
        "window_size": size.most_pixels // size.patch**2,
        "image_min_pixels": size.least_pixels, "image_max_pixels": size.most_pixels,
        "attention.head_count": size.heads, "attention.head_count_kv": size.kv_heads,
    }  # fmt: skip
    for name, value in numbers.items():
        writer.add_uint32(f"clip.vision.{name}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", size.epsilon)
    writer.add_array("clip.vision.wa_pattern_mode", [-1] * (size.layers - 1) + [1])
    writer.add_tensor(f"v.blk.{size.layers - 1}.attn_sinks", np.full(size.heads, SILENT, np.float32))
    writer.add_array("clip.vision.image_mean", [0.5] * 3)
    writer.add_array("clip.vision.image_std", [0.5] * 3)
    for name, array in renamed(state).items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.replace(new, path)


def main() -> None:
    """Export the checkpoint in --out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("training/out"))
    parser.add_argument("--gguf", type=Path, required=True, help="where the file goes")
    args = parser.parse_args()
    size = VisionSize()
    state = torch.load(args.out / "vision.pt", map_location="cpu")["model"]
    Vision(size).load_state_dict(state)
    write_gguf(args.gguf, size, state)
    print(f"{args.gguf}: {args.gguf.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
