"""The header of a file with towers (an mmproj), looked at before clip.cpp is: over a wrong shape it ends the process.

What is written here in full are MiMo's own two, `mimovl` for images and `mimo_audio` for sound; of others only what is
common is checked, and a first image and a first sound at the start find the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from mimo.contract.errors import EngineError
from mimo.llamacpp.gguf import open_header
from mimo.llamacpp.keys import Keys
from mimo.llamacpp.library import Library

_SIZES: Mapping[int, tuple[int, int]] = {0: (1, 4), 1: (1, 2), 30: (1, 2), 8: (32, 34), 2: (32, 18)}
"""Weights and bytes of a block, by the number that ggml has for a type: F32, F16, BF16, Q8_0, Q4_0."""
_BOUNDS = {
    "embedding_length": (1, 2**16), "feed_forward_length": (1, 2**18), "block_count": (0, 1024),
    "projection_dim": (1, 2**16), "attention.head_count": (1, 1024), "attention.head_count_kv": (1, 1024),
    "patch_size": (1, 256), "image_size": (1, 2**16), "num_mel_bins": (1, 256), "window_size": (1, 2**16),
    "spatial_merge_size": (1, 16), "local_block_count": (0, 64), "local_group_size": (1, 64),
    "image_min_pixels": (1, 2**28), "image_max_pixels": (1, 2**28),
}  # fmt: skip
"""Of the numbers called clip.TOWER.NAME, both ends allowed."""


def check_towers(library: Library, path: Path, width: int) -> str:
    """Check the file at `path` for a model whose embeddings have `width`; a short hash of it. Raises `EngineError`."""
    with open_header(library, path) as (context, digest):
        keys = Keys(library, context)
        architecture = keys.text("general.architecture")
        if architecture != "clip":
            raise EngineError(f"{path}: its architecture is {architecture}; towers for media are `clip`")
        sizes = dict(_elements(library, context))
        if (wrong := _fault(keys, sizes, width)) is not None:
            raise EngineError(f"{path}: {wrong}")
        return digest


def _elements(library: Library, context: int) -> Iterator[tuple[str, int]]:
    """How many weights each tensor has, where its type says so."""
    for at in range(library.gguf_get_n_tensors(context)):
        kind = library.gguf_get_tensor_type(context, at)
        if kind in _SIZES:
            weights, size = _SIZES[kind]
            name = library.gguf_get_tensor_name(context, at).decode(errors="replace")
            yield name, library.gguf_get_tensor_size(context, at) // size * weights


def _fault(keys: Keys, sizes: Mapping[str, int], width: int) -> str | None:
    """The first thing that is wrong, as a sentence without a subject."""
    there = [tower for tower in ("vision", "audio") if keys.numbers(f"clip.has_{tower}_encoder") == [1]]
    if not there:
        return "neither clip.has_vision_encoder nor clip.has_audio_encoder is true: it holds no tower"
    for tower in there:
        for name, (least, most) in _BOUNDS.items():
            for value in keys.numbers(f"clip.{tower}.{name}"):
                if not least <= value <= most:
                    return f"clip.{tower}.{name} is {value}; it must be between {least} and {most}"
        kind = keys.text(f"clip.{tower}.projector_type") or keys.text("clip.projector_type")
        if kind is None:
            return f"clip.{tower}.projector_type is missing"
        if kind not in _TOWERS:
            continue
        tower_of = _Tower(keys, tower)
        try:
            wanted = list(_TOWERS[kind](tower_of, width))
        except _Fault as wrong:
            return str(wrong)
        for name, count in wanted:
            if name not in sizes:
                return f"tensor {name}, which {kind} has, is missing"
            if sizes[name] != count:
                return f"tensor {name} has {sizes[name]} weights; by its other numbers {kind} has {count} there"
    return None


class _Fault(Exception):
    """A number that does not fit."""


class _Tower:
    """The numbers of one tower."""

    def __init__(self, keys: Keys, tower: str) -> None:
        self._keys, self._tower = keys, tower

    def number(self, name: str) -> int:
        """The one number called so."""
        found = self._keys.numbers(f"clip.{self._tower}.{name}")
        if len(found) != 1:
            raise _Fault(f"clip.{self._tower}.{name} is missing")
        return int(found[0])

    def numbers(self, name: str) -> list[int]:
        """An array."""
        return [int(value) for value in self._keys.numbers(f"clip.{self._tower}.{name}")]

    def check(self, holds: bool, words: str) -> None:
        """Raise unless it holds."""
        if not holds:
            raise _Fault(f"clip.{self._tower}.{words}")

    def modes(self, allowed: frozenset[int]) -> list[int]:
        """How each block attends."""
        modes, blocks = self.numbers("wa_pattern_mode"), self.number("block_count")
        words = f"wa_pattern_mode is {modes}; it must be {blocks} of {sorted(allowed)}, one a block"
        self.check(len(modes) == blocks and set(modes) <= allowed, words)
        return modes


Wanted = Iterator[tuple[str, int]]


def _mimovl(tower: _Tower, width: int) -> Wanted:
    """Every tensor of MiMo's tower for images, and how many weights it has."""
    inner, forward, patch = (
        tower.number(f"{name}") for name in ("embedding_length", "feed_forward_length", "patch_size")
    )
    heads, shared = tower.number("attention.head_count"), tower.number("attention.head_count_kv")
    out, merge = tower.number("projection_dim"), tower.number("spatial_merge_size")
    tower.check(out == width, f"projection_dim is {out}; the model's embeddings have {width}")
    tower.check(merge == 2, f"spatial_merge_size is {merge}; it must be 2")
    tower.check(heads % shared == 0, f"attention.head_count is {heads}, no multiple of head_count_kv, {shared}")
    modes = tower.modes(frozenset({-1, 0, 1}))
    tower.check({1} < set(modes), f"wa_pattern_mode is {modes}; 1 and another must be there")
    yield "v.patch_embd.weight", inner * 3 * patch * patch
    yield "v.patch_embd.weight.1", inner * 3 * patch * patch
    yield "v.post_ln.weight", inner
    yield "mm.0.weight", 16 * inner * inner
    yield "mm.2.weight", width * 4 * inner
    size = tower.number("attention.key_length") if tower.numbers("attention.key_length") else None
    for at, mode in enumerate(modes):
        block = f"v.blk.{at}."
        yield block + "ln1.weight", inner
        yield block + "ln2.weight", inner
        if size is not None:
            yield block + "attn_out.weight", heads * size * inner
        if mode != -1:
            yield block + "attn_sinks", heads
        for name in ("ffn_gate", "ffn_up", "ffn_down"):
            yield f"{block}{name}.weight", forward * inner


def _mimo_audio(tower: _Tower, width: int) -> Wanted:
    """Every tensor of MiMo's tower for sound, and how many weights it has."""
    inner, forward, mel = (tower.number(name) for name in ("embedding_length", "feed_forward_length", "num_mel_bins"))
    out, blocks, heads = (tower.number(name) for name in ("projection_dim", "block_count", "attention.head_count"))
    books, group = tower.numbers("rvq.codebook_size"), tower.number("local_group_size")
    tower.check(out == width, f"projection_dim is {out}; the model's embeddings have {width}")
    tower.check(blocks >= 3, f"block_count is {blocks}; it must be at least 3, since the third is read again")
    modes = tower.modes(frozenset({-1, 0}))
    tower.check({-1, 0} <= set(modes), f"wa_pattern_mode is {modes}; -1 and 0 must both be there")
    tower.check(inner % heads == 0 and inner // heads % 2 == 0, f"embedding_length is {inner} for {heads} heads")
    count = tower.number("rvq.num_quantizers")
    words = f"rvq.codebook_size is {books}; it must be {count} numbers from 1 on"
    tower.check(len(books) == count > 0 and min(books, default=0) > 0, words)
    yield "a.conv1d.1.weight", inner * mel * 3
    yield "a.conv1d.2.weight", inner * inner * 3
    yield "a.downsample.conv.weight", inner * inner * 2
    yield "a.rvq.codebook.weight", count * max(books) * inner
    yield "mm.a.code_embd.weight", count * (max(books) + 1) * inner
    yield "mm.a.mlp.1.weight", (group * inner) ** 2
    yield "mm.a.mlp.2.weight", width * group * inner
    for at in range(blocks):
        yield from _block(f"a.blk.{at}.", inner, forward, ("ffn_up", "ffn_down"))
    for at in range(tower.number("local_block_count")):
        yield from _block(f"mm.a.local_blk.{at}.", inner, forward, ("ffn_gate", "ffn_up", "ffn_down"))


def _block(block: str, inner: int, forward: int, forwards: tuple[str, ...]) -> Wanted:
    for name in ("ln1", "ln2"):
        yield f"{block}{name}.weight", inner
    for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
        yield f"{block}{name}.weight", inner * inner
    for name in forwards:
        yield f"{block}{name}.weight", forward * inner


_TOWERS: Mapping[str, Callable[[_Tower, int], Wanted]] = {"mimovl": _mimovl, "mimo_audio": _mimo_audio}
"""What says how large every tensor is, by the kind of tower."""
