"""The trained towers as the GGUF that is loaded beside nano: `python -m training.towers.export --gguf FILE`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
import torch
from torch import Tensor

from training.config import SIZES, SOUND, VISION, SoundSize, VisionSize

HALF = ("attn_qkv", "attn_q.", "attn_k.", "attn_v.", "attn_out", "ffn_", "mm.0.", "mm.2.", "mm.a.mlp.")
"""Parts of the names of matrices, which are stored as F16; the rest is F32."""
State = Mapping[str, Tensor]
Arrays = dict[str, np.ndarray]


def vision_arrays(state: State) -> Arrays:
    """GGUF tensor name → array. The library adds the outputs of two kernels, one for each of two frames of a film: the
    second one is zero."""
    out: Arrays = {}
    for name, tensor in state.items():
        value = tensor.float().numpy()
        if name == "patch.weight":
            out["v.patch_embd.weight"], out["v.patch_embd.weight.1"] = value, np.zeros_like(value)
        else:
            out[f"v.{name}".replace("v.blocks.", "v.blk.").replace("v.mm_", "mm.")] = value
    return out


def sound_arrays(state: State) -> Arrays:
    """The same of the tower for sound. What a code means to it is its entry in the codebook; the last line of each
    table, which the library has for no code, is zero."""
    out: Arrays = {}
    for name, tensor in state.items():
        value = tensor.float().numpy()
        if name == "books":
            out["a.rvq.codebook.weight"] = value
            out["mm.a.code_embd.weight"] = np.pad(value, ((0, 0), (0, 1), (0, 0)))
            continue
        for old, new in SOUND_NAMES:
            name = name.replace(old, new)
        column = name.startswith("a.conv1d") and value.ndim == 1
        out[name] = value[:, None] if column else value
    return out


SOUND_NAMES = (
    ("attention.", ""),
    ("blocks.", "a.blk."),
    ("local.", "mm.a.local_blk."),
    ("local_norm", "mm.a.local_norm"),
    ("mlp_", "mm.a.mlp."),
    ("conv1d_", "a.conv1d."),
    ("downsample_", "a.downsample."),
    ("post_ln", "a.post_ln"),
)
"""Ours and the library's."""


def add_vision(writer: gguf.GGUFWriter, size: VisionSize) -> None:
    """The keys of the tower for images."""
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
    # blocks with sinks have a window, here as wide as the largest picture; the library wants one that goes by columns
    writer.add_array("clip.vision.wa_pattern_mode", [0] * (size.layers - 1) + [1])
    writer.add_array("clip.vision.image_mean", [0.5] * 3)
    writer.add_array("clip.vision.image_std", [0.5] * 3)


def add_sound(writer: gguf.GGUFWriter, size: SoundSize) -> None:
    """The keys of the tower for sound."""
    writer.add_bool("clip.has_audio_encoder", True)
    writer.add_string("clip.audio.projector_type", "mimo_audio")
    numbers = {
        "embedding_length": size.width, "feed_forward_length": size.forward, "block_count": size.layers,
        "projection_dim": size.out, "num_mel_bins": size.mel, "window_size": size.window,
        "local_block_count": size.local_layers, "local_group_size": size.group,
        "attention.head_count": size.heads, "rvq.num_quantizers": size.books,
    }  # fmt: skip
    for name, value in numbers.items():
        writer.add_uint32(f"clip.audio.{name}", value)
    writer.add_float32("clip.audio.attention.layer_norm_epsilon", size.epsilon)
    writer.add_array("clip.audio.rvq.codebook_size", [size.bins] * size.books)
    # the library wants a block with a window and one without; the window is longer than what it was trained on
    writer.add_array("clip.audio.wa_pattern_mode", [0] * (size.layers - 1) + [-1])


def write_gguf(path: Path, vision: tuple[VisionSize, State] | None, sound: tuple[SoundSize, State] | None) -> None:
    """The whole file, written beside `path` and then moved there."""
    new = path.with_suffix(".new")
    writer = gguf.GGUFWriter(new, "clip")
    writer.add_string("general.type", "mmproj")
    writer.add_name("mimo-nano towers")
    writer.add_license("apache-2.0")
    writer.add_file_type(1)
    arrays: Arrays = {}
    if vision:
        add_vision(writer, vision[0])
        arrays |= vision_arrays(vision[1])
    if sound:
        add_sound(writer, sound[0])
        arrays |= sound_arrays(sound[1])
    for name, array in arrays.items():
        half = array.ndim == 2 and any(part in name for part in HALF)
        writer.add_tensor(name, array.astype(np.float16) if half else array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.replace(new, path)


def main() -> None:
    """Export the checkpoints in --out: of one sense or of both, whichever is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("training/out"))
    parser.add_argument("--size", choices=SIZES, default="cpu")
    parser.add_argument("--gguf", type=Path, required=True, help="where the file goes")
    args = parser.parse_args()
    paths = {sense: args.out / f"tower-{sense}.pt" for sense in ("image", "audio")}
    states = {sense: torch.load(path, map_location="cpu")["model"] for sense, path in paths.items() if path.exists()}
    vision = (VISION[args.size], states["image"]) if "image" in states else None
    sound = (SOUND[args.size], states["audio"]) if "audio" in states else None
    write_gguf(args.gguf, vision, sound)
    print(f"{args.gguf}: {args.gguf.stat().st_size / 1e6:.2f} MB, {' and '.join(states)}")


if __name__ == "__main__":
    main()
