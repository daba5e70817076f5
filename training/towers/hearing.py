"""The tower for sound in torch: clip.cpp's `mimo_audio`, with windows as long as what it learns.

Samples of 24 kHz become 100 frames of mel bins a second, 25 codes a second and 6.25 rows for the language model.
Everything before the last step is causal: a row knows what was heard until then. `tests/training/test_towers.py` holds
it to the library's own rows.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from training.config import RATE, SoundSize
from training.model import Norm

HOP, FRAME = 240, 960
"""Samples from frame to frame, and in a frame."""
LOCAL_THETA, THETA = 640_000.0, 10_000.0


def filters(mel: int) -> NDArray[np.float32]:
    """Triangles of the HTK mel scale [mel, FRAME / 2 + 1], of height one."""
    ends = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), mel + 2) / 2595) - 1)
    at = np.arange(FRAME // 2 + 1) * (RATE / FRAME)
    rising = (at - ends[:-2, None]) / (ends[1:-1] - ends[:-2])[:, None]
    falling = (ends[2:, None] - at) / (ends[2:] - ends[1:-1])[:, None]
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


def mel_of(samples: NDArray[np.float32], table: NDArray[np.float32]) -> NDArray[np.float32]:
    """samples [count] → logarithms of mel magnitudes [frames, mel], the ends reflected; at least a frame of samples."""
    padded = np.pad(samples, FRAME // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)
    found = np.abs(np.fft.rfft(frames * window, axis=1)) @ table.T
    return np.log(np.maximum(found, 1e-7)).astype(np.float32)


def turned(x: Tensor, positions: Tensor, theta: float) -> Tensor:
    """x [batch, heads, time, head], channel j turned with the one half a head further."""
    half = x.shape[-1] // 2
    angle = positions[:, None] * theta ** (-torch.arange(half, device=x.device) / half)
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * angle.cos() - second * angle.sin(), second * angle.cos() + first * angle.sin()), dim=-1)


class Attention(nn.Module):
    """Softmax attention of as many key heads as query heads."""

    def __init__(self, size: SoundSize, bias: bool) -> None:
        super().__init__()
        self.heads, width = size.heads, size.width
        self.attn_q, self.attn_k, self.attn_v = (nn.Linear(width, width, bias=bias) for _ in range(3))
        self.attn_out = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, positions: Tensor, theta: float, causal: bool) -> Tensor:
        batch, time, width = x.shape
        split = (batch, time, self.heads, width // self.heads)
        query, key, value = (part(x).view(split).transpose(1, 2) for part in (self.attn_q, self.attn_k, self.attn_v))
        query, key = turned(query, positions, theta), turned(key, positions, theta)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=causal)
        return self.attn_out(mixed.transpose(1, 2).reshape(batch, time, width))


class Block(nn.Module):
    """Causal attention, then a product with GELU, each behind a norm and a residual."""

    def __init__(self, size: SoundSize) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(size.width, size.epsilon), nn.LayerNorm(size.width, size.epsilon)
        self.attention = Attention(size, bias=False)
        self.ffn_up, self.ffn_down = nn.Linear(size.width, size.forward), nn.Linear(size.forward, size.width)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        x = x + self.attention(self.ln1(x), positions, THETA, causal=True)
        return x + self.ffn_down(F.gelu(self.ffn_up(self.ln2(x))))


class LocalBlock(nn.Module):
    """The four codes of a row see each other; SwiGLU."""

    def __init__(self, size: SoundSize) -> None:
        super().__init__()
        self.ln1, self.ln2 = Norm(size.width, size.epsilon), Norm(size.width, size.epsilon)
        self.attention = Attention(size, bias=True)
        self.ffn_gate, self.ffn_up = (nn.Linear(size.width, size.forward, bias=False) for _ in range(2))
        self.ffn_down = nn.Linear(size.forward, size.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.ln1(x), torch.arange(x.shape[1], device=x.device), LOCAL_THETA, causal=False)
        inner = self.ln2(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(inner)) * self.ffn_up(inner))


class Hearing(nn.Module):
    """Mel frames to rows of embeddings. `quantised`: whether codes stand for what was heard, as they do in the library;
    training begins without, until the codebooks are laid (`lay_books`)."""

    def __init__(self, size: SoundSize, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.size, self.quantised = size, True
        self.conv1d_1 = nn.Conv1d(size.mel, size.width, 3, padding=1)
        self.conv1d_2 = nn.Conv1d(size.width, size.width, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList(Block(size) for _ in range(size.layers))
        self.post_ln = nn.LayerNorm(size.width, size.epsilon)
        self.downsample_conv = nn.Conv1d(size.width, size.width, 2, stride=2, bias=False)
        self.downsample_norm = nn.LayerNorm(size.width, size.epsilon)
        self.books = nn.Parameter(torch.randn(size.books, size.bins, size.width))
        self.local = nn.ModuleList(LocalBlock(size) for _ in range(size.local_layers))
        self.local_norm = Norm(size.width, size.epsilon)
        self.mlp_1 = nn.Linear(size.group * size.width, size.group * size.width, bias=False)
        self.mlp_2 = nn.Linear(size.group * size.width, size.out, bias=False)
        with torch.no_grad():  # as loud as the embeddings of tokens
            self.mlp_2.weight.normal_(0.0, 2.0 * (size.group * size.width) ** -0.5)

    def frames(self, mel: Tensor) -> Tensor:
        """mel [batch, frames, bins] → 25 vectors a second [batch, frames / 4, width], before they become codes."""
        x = F.gelu(self.conv1d_1(mel.transpose(1, 2)))
        x = F.gelu(self.conv1d_2(x)).transpose(1, 2)
        positions, third = torch.arange(x.shape[1], device=x.device), x
        for at, block in enumerate(self.blocks):
            x = block(x, positions)
            third = x if at == 2 else third
        x = self.downsample_conv(self.post_ln(x + third).transpose(1, 2))
        return self.downsample_norm(F.gelu(x).transpose(1, 2))

    def coded(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The sum of the nearest entries of the books, each of what the ones before left, and how far off it is."""
        rest, total = x, torch.zeros_like(x)
        for book in self.books:
            near = book[(2 * rest.detach() @ book.T - book.pow(2).sum(-1)).argmax(-1)]
            rest, total = rest - near, total + near
        apart = (total - x.detach()).pow(2).mean() + 0.25 * (total.detach() - x).pow(2).mean()
        return x + (total - x).detach(), apart

    def heard(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """What is heard until each row [batch, rows, group * width], and how far the codes are off."""
        x = self.frames(mel)
        x, apart = self.coded(x) if self.quantised else (x, x.sum() * 0.0)
        group, batch = self.size.group, x.shape[0]
        x = F.pad(x, (0, 0, 0, -x.shape[1] % group)).reshape(-1, group, x.shape[-1])
        for block in self.local:
            x = block(x)
        x = self.local_norm(x).reshape(batch, -1, group * x.shape[-1])
        return F.gelu(self.mlp_1(x)), apart

    def forward(self, mel: Tensor) -> Tensor:
        """As `heard`, in rows for the language model [batch, rows, out]."""
        return self.mlp_2(self.heard(mel)[0])

    def lay_books(self, mels: Tensor, rounds: int = 12) -> float:
        """Lay the codebooks over what is heard in `mels` by k-means, one after the other; the share of the variance
        that they leave."""
        with torch.no_grad():
            rest = whole = self.frames(mels).flatten(0, 1)
            for at in range(len(self.books)):
                book = rest[torch.randperm(len(rest))[: self.size.bins]].clone()
                for _ in range(rounds):
                    nearest = torch.cdist(rest, book).argmin(-1)
                    total = torch.zeros_like(book).index_add_(0, nearest, rest)
                    count = torch.bincount(nearest, minlength=len(book))[:, None]
                    book = torch.where(count > 0, total / count.clamp(min=1), book)
                self.books[at] = book
                rest = rest - book[torch.cdist(rest, book).argmin(-1)]
        self.quantised = True
        return (rest.var(0).sum() / whole.var(0).sum()).item()
