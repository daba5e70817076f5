"""The tower for images in torch: the training forward of clip.cpp's `mimovl`, every block with sinks and a window as
wide as the largest picture.

An image is cut into patches of 16 pixels, in groups of 2 by 2; four patches of a group give one row for the language
model. `tests/training/test_towers.py` holds it to the library's own rows.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.config import VisionSize
from training.model import Norm


def grid(high: int, wide: int) -> Tensor:
    """Row and column [high * wide, 2] of each patch in the order of the tower: group by group, four to a group."""
    rows, columns = torch.meshgrid(torch.arange(high), torch.arange(wide), indexing="ij")
    both = torch.stack((rows, columns), dim=-1).view(high // 2, 2, wide // 2, 2, 2)
    return both.transpose(1, 2).reshape(-1, 2)


def rotation(at: Tensor, head: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines [patches, head / 2]: the first half turns with the row, the second with the column."""
    speed = 10_000.0 ** (-torch.arange(head // 4, device=at.device) * 4 / head)
    angle = (at[:, :, None] * speed).flatten(1)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """x [batch, patches, heads, head], each channel turned with the one half a head further."""
    first, second = x.chunk(2, dim=-1)
    cos, sin = cos[None, :, None], sin[None, :, None]
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class Block(nn.Module):
    """Attention over all patches, then SwiGLU, each behind a norm and a residual.

    A sink is a logit a head that takes attention and gives nothing. Positions are relative here, and on an empty
    picture every patch is like every other: how much the sinks leave is what tells the corners from the middle.
    """

    def __init__(self, size: VisionSize) -> None:
        super().__init__()
        self.size = size
        self.ln1, self.ln2 = Norm(size.width, size.epsilon), Norm(size.width, size.epsilon)
        self.attn_qkv = nn.Linear(size.width, (size.heads + 2 * size.kv_heads) * size.head)
        self.attn_out = nn.Linear(size.heads * size.head, size.width, bias=False)
        self.attn_sinks = nn.Parameter(torch.zeros(size.heads))
        self.ffn_gate = nn.Linear(size.width, size.forward, bias=False)
        self.ffn_up = nn.Linear(size.width, size.forward, bias=False)
        self.ffn_down = nn.Linear(size.forward, size.width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        size, (batch, count, _) = self.size, x.shape
        parts = self.attn_qkv(self.ln1(x)).view(batch, count, -1, size.head)
        query, key, value = parts.split((size.heads, size.kv_heads, size.kv_heads), dim=2)
        query, key = rotate(query, cos, sin), rotate(key, cos, sin)
        shared = size.heads // size.kv_heads
        key, value = key.repeat_interleave(shared, dim=2), value.repeat_interleave(shared, dim=2)
        query, key, value = (part.transpose(1, 2) for part in (query, key, value))
        mixed = attended(query, key, value, self.attn_sinks)
        x = x + self.attn_out(mixed.transpose(1, 2).reshape(batch, count, -1))
        inner = self.ln2(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(inner)) * self.ffn_up(inner))


def attended(query: Tensor, key: Tensor, value: Tensor, sinks: Tensor) -> Tensor:
    """Attention [batch, heads, patches, head]; a sink is one more key without a value, one more channel its logit."""
    head = query.shape[-1]
    logit = F.pad(sinks.view(1, -1, 1, 1).to(key.dtype), (head, 0)).expand(key.shape[0], -1, -1, -1)
    query, key = F.pad(query, (0, 1), value=head**0.5), torch.cat((F.pad(key, (0, 1)), logit), dim=2)
    mixed = F.scaled_dot_product_attention(query, key, F.pad(value, (0, 1, 0, 1)), scale=head**-0.5)
    return mixed[..., :head]


def look_around(block: Block) -> None:
    """Begin with heads that look above, below, left and right whatever is there, so that places need not be found."""
    head, heads, shared = block.size.head, block.size.heads, block.size.heads // block.size.kv_heads
    with torch.no_grad():
        bias = block.attn_qkv.bias.view(-1, head)
        bias[:heads] = bias[heads : heads + block.size.kv_heads] = 0.0
        for at in range(heads):
            column, sign = at // shared % 2 * (head // 4), 1.0 if at % shared == 0 else -1.0
            bias[at, column + 1] = 4.0 * sign
            bias[heads + at // shared, column + 1 + head // 2] = 4.0
        bias[heads + block.size.kv_heads :].normal_()
        block.attn_sinks.fill_(3.5)


class Vision(nn.Module):
    """Images to rows of embeddings."""

    def __init__(self, size: VisionSize, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.size = size
        self.patch = nn.Conv2d(3, size.width, size.patch, size.patch, bias=False)
        self.blocks = nn.ModuleList(Block(size) for _ in range(size.layers))
        self.post_ln = nn.LayerNorm(size.width, 1e-6)
        self.mm_0 = nn.Linear(4 * size.width, 4 * size.width, bias=False)
        self.mm_2 = nn.Linear(4 * size.width, size.out, bias=False)
        look_around(self.blocks[0])
        with torch.no_grad():  # as loud as the embeddings of tokens
            self.mm_2.weight.normal_(0.0, 2.0 * (4 * size.width) ** -0.5)

    def seen(self, pixels: Tensor) -> Tensor:
        """pixels [batch, 3, height, width] from -1 to 1, both multiples of 32 → what is seen, before it is put into the
        language model's terms [batch, area / 1024, 4 * width]."""
        patches = self.patch(pixels)
        high, wide = patches.shape[2:]
        at = grid(high, wide).to(pixels.device)
        x = patches[:, :, at[:, 0], at[:, 1]].transpose(1, 2)
        cos, sin = rotation(at, self.size.head)
        for block in self.blocks:
            x = block(x, cos, sin)
        x = self.post_ln(x).reshape(x.shape[0], -1, 4 * self.size.width)
        return F.gelu(self.mm_0(x), approximate="tanh")

    def forward(self, pixels: Tensor) -> Tensor:
        """As `seen`, in rows for the language model [batch, area / 1024, out]."""
        return self.mm_2(self.seen(pixels))
