"""The sizes of nano and of its towers: one row for two CPU cores, one for a GPU. Knows no torch.

The shape is MiMo-V2-Flash's: the first layer is dense, the others choose among experts; full attention and a sliding
window alternate; the sliding layers have twice the key/value heads, and sinks.
"""

from __future__ import annotations

from dataclasses import dataclass

FULL, SLIDING = "full_attention", "sliding_attention"


@dataclass(frozen=True, slots=True)
class Size:
    """Every number of one model. Widths are multiples of 32, so that Q8_0 fits every matrix."""

    vocabulary: int = 4096
    width: int = 256
    layers: tuple[str, ...] = (FULL, SLIDING, SLIDING, FULL, SLIDING, FULL)
    heads: int = 4
    kv_heads: int = 2  # in full layers; twice as many in sliding ones
    key_size: int = 96
    value_size: int = 64
    rotary_factor: float = 0.334  # int(96 * 0.334) = 32 rotated dimensions; it must come out even
    window: int = 128
    theta_full: float = 100_000_000.0
    theta_sliding: float = 10_000.0
    value_scale: float = 0.707
    dense_width: int = 768
    experts: int = 4
    experts_used: int = 2
    expert_width: int = 192
    epsilon: float = 1e-5
    context: int = 32_768

    @property
    def rotary(self) -> int:
        """How many leading dimensions of a head are rotated."""
        return int(self.key_size * self.rotary_factor)

    def kv_heads_of(self, layer: int) -> int:
        """Key/value heads of one layer."""
        return self.kv_heads * (2 if self.layers[layer] == SLIDING else 1)


SIZES = {
    "cpu": Size(),
    "gpu": Size(
        width=384,
        layers=(FULL, SLIDING, SLIDING, FULL, SLIDING, SLIDING, FULL, FULL),
        heads=6,
        dense_width=1152,
        experts=8,
        expert_width=192,
    ),
    "test": Size(
        vocabulary=320,
        width=64,
        layers=(FULL, SLIDING, FULL),
        key_size=48,
        value_size=32,
        window=16,
        dense_width=128,
        expert_width=32,
    ),
}


@dataclass(frozen=True, slots=True)
class VisionSize:
    """Every number of the tower for images; `out` is the width of the language model."""

    out: int = 256
    width: int = 64
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    forward: int = 128
    patch: int = 16
    least_pixels: int = 8192
    most_pixels: int = 20480  # larger pictures are scaled down: few rows are what it was trained on most
    epsilon: float = 1e-6

    @property
    def head(self) -> int:
        """Channels of a head."""
        return self.width // self.heads


VISION = {
    "cpu": VisionSize(),
    "gpu": VisionSize(out=384, width=128, layers=6, heads=8, kv_heads=4, forward=256),
}
"""By the size of the language model."""


@dataclass(frozen=True, slots=True)
class SoundSize:
    """Every number of the tower for sound; `out` is the width of the language model, `books` are of `bins` each."""

    out: int = 256
    width: int = 64
    layers: int = 3
    heads: int = 4
    forward: int = 128
    mel: int = 64
    window: int = 512
    local_layers: int = 1
    group: int = 4
    books: int = 3
    bins: int = 128
    epsilon: float = 1e-5


RATE = 24_000
"""Samples a second that the tower for sound takes."""

SOUND = {"cpu": SoundSize(), "gpu": SoundSize(out=384, width=128, layers=6, heads=8, forward=512)}
"""By the size of the language model."""
