"""Random towers in MiMo's own two shapes, as a file to load beside a model: what they make of media is noise.

0.7 million weights; the token counts are those of the hosted API.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gguf
import numpy as np

VISION: Mapping[str, Any] = {
    "embedding_length": 64, "feed_forward_length": 128, "block_count": 4, "image_size": 256, "patch_size": 16,
    "spatial_merge_size": 2, "window_size": 64, "image_min_pixels": 8192, "image_max_pixels": 65536,
    "attention.head_count": 4, "attention.head_count_kv": 2, "wa_pattern_mode": [-1, 0, 1, -1],
}  # fmt: skip
AUDIO: Mapping[str, Any] = {
    "embedding_length": 64, "feed_forward_length": 128, "block_count": 3, "num_mel_bins": 64, "window_size": 128,
    "local_block_count": 1, "local_group_size": 4, "attention.head_count": 4, "rvq.num_quantizers": 2,
    "rvq.codebook_size": [128, 128], "wa_pattern_mode": [0, -1, 0],
}  # fmt: skip


def write_towers(
    file: Path,
    width: int = 256,
    *,
    vision: Mapping[str, Any] | None = VISION,
    audio: Mapping[str, Any] | None = AUDIO,
    claims: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> None:
    """Weights of seed 0, for a model whose embeddings have `width`; a tower that is None is left out. `claims`: what
    the header says of a tower in place of what is true."""
    writer = gguf.GGUFWriter(file, "clip")
    random = np.random.default_rng(0)
    writer.add_string("general.type", "mmproj")
    writer.add_uint32("general.file_type", 0)

    def weights(name: str, *shape: int) -> None:
        values = random.standard_normal(shape) / np.sqrt(shape[-1])
        writer.add_tensor(name, values.astype(np.float32))

    def norm(name: str, size: int, *, bias: bool = True) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(size, np.float32))
        if bias:
            writer.add_tensor(f"{name}.bias", np.zeros(size, np.float32))

    if vision is not None:
        _keys(writer, "vision", "mimovl", {"projection_dim": width, **vision, **claims.get("vision", {})})
        _vision(vision, width, weights, norm, writer)
    if audio is not None:
        _keys(writer, "audio", "mimo_audio", {"projection_dim": width, **audio, **claims.get("audio", {})})
        _audio(audio, width, weights, norm, writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _keys(writer: Any, tower: str, kind: str, sizes: Mapping[str, Any]) -> None:
    writer.add_bool(f"clip.has_{tower}_encoder", True)
    writer.add_string(f"clip.{tower}.projector_type", kind)
    for name, value in sizes.items():
        add = writer.add_array if isinstance(value, list) else writer.add_uint32
        add(f"clip.{tower}.{name}", value)
    writer.add_float32(f"clip.{tower}.attention.layer_norm_epsilon", 1e-6 if tower == "vision" else 1e-5)


def _vision(sizes: Mapping[str, Any], width: int, weights: Any, norm: Any, writer: Any) -> None:
    inner, forward, patch = sizes["embedding_length"], sizes["feed_forward_length"], sizes["patch_size"]
    heads, shared = sizes["attention.head_count"], sizes["attention.head_count_kv"]
    rows = (heads + 2 * shared) * (inner // heads)
    writer.add_bool("clip.use_silu", True)
    writer.add_array("clip.vision.image_mean", [0.5] * 3)
    writer.add_array("clip.vision.image_std", [0.5] * 3)
    weights("v.patch_embd.weight", inner, 3, patch, patch)
    weights("v.patch_embd.weight.1", inner, 3, patch, patch)
    for at, mode in enumerate(sizes["wa_pattern_mode"]):
        block = f"v.blk.{at}."
        norm(f"{block}ln1", inner, bias=False)
        norm(f"{block}ln2", inner, bias=False)
        weights(f"{block}attn_qkv.weight", rows, inner)
        writer.add_tensor(f"{block}attn_qkv.bias", np.zeros(rows, np.float32))
        weights(f"{block}attn_out.weight", inner, inner)
        if mode != -1:
            weights(f"{block}attn_sinks", heads)
        weights(f"{block}ffn_gate.weight", forward, inner)
        weights(f"{block}ffn_up.weight", forward, inner)
        weights(f"{block}ffn_down.weight", inner, forward)
    norm("v.post_ln", inner)
    weights("mm.0.weight", 4 * inner, 4 * inner)
    weights("mm.2.weight", width, 4 * inner)


def _audio(sizes: Mapping[str, Any], width: int, weights: Any, norm: Any, writer: Any) -> None:
    inner, forward, mel = sizes["embedding_length"], sizes["feed_forward_length"], sizes["num_mel_bins"]
    books, group = sizes["rvq.codebook_size"], sizes["local_group_size"]

    def with_bias(name: str, *shape: int) -> None:
        weights(f"{name}.weight", *shape)
        writer.add_tensor(f"{name}.bias", np.zeros((shape[0], 1) if len(shape) == 3 else shape[0], np.float32))

    with_bias("a.conv1d.1", inner, mel, 3)
    with_bias("a.conv1d.2", inner, inner, 3)
    for at in range(sizes["block_count"]):
        block = f"a.blk.{at}."
        norm(f"{block}ln1", inner)
        norm(f"{block}ln2", inner)
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            weights(f"{block}{name}.weight", inner, inner)
        with_bias(f"{block}ffn_up", forward, inner)
        with_bias(f"{block}ffn_down", inner, forward)
    norm("a.post_ln", inner)
    weights("a.downsample.conv.weight", inner, inner, 2)
    norm("a.downsample.norm", inner)
    weights("a.rvq.codebook.weight", len(books), max(books), inner)
    weights("mm.a.code_embd.weight", len(books), max(books) + 1, inner)
    for at in range(sizes["local_block_count"]):
        block = f"mm.a.local_blk.{at}."
        norm(f"{block}ln1", inner, bias=False)
        norm(f"{block}ln2", inner, bias=False)
        for name in ("attn_q", "attn_k", "attn_v"):
            with_bias(f"{block}{name}", inner, inner)
        weights(f"{block}attn_out.weight", inner, inner)
        weights(f"{block}ffn_gate.weight", forward, inner)
        weights(f"{block}ffn_up.weight", forward, inner)
        weights(f"{block}ffn_down.weight", inner, forward)
    norm("mm.a.local_norm", inner, bias=False)
    weights("mm.a.mlp.1.weight", group * inner, group * inner)
    weights("mm.a.mlp.2.weight", width, group * inner)
