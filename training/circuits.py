"""An initialisation that can already copy: a head that looks one token back, and heads that look for what followed.

Two layers are needed to go on with a repeated text: one writes each token's predecessor next to it, a later one looks
for places whose predecessor is the present token and brings what stands there. Gradient descent finds this pair late
(in the first nano not at all), so it is laid down before the first step; everything in it is a plain parameter that
training then changes as it likes. Three things keep it from drowning: embeddings as large as what layers write later,
all other outputs zero at first, and a head that is the embedding table times a factor for as long as training lasts, so
that a token which can be read can be written. It knows the model's parameters, not what it reads.
"""

from __future__ import annotations

import torch
from torch import Tensor

from training.config import FULL, SLIDING
from training.model import Nano, rotation

LOUD = 16.0  # the norm of an embedding, about: 1 a channel at width 256
CONSTANT = 0.25  # channel 0 of every embedding, before LOUD: what a head can hold on to whatever the token is
BACK = 2.2  # strength of "one back" in query and key
MATCH = 1.6  # strength of the match between the present token and a predecessor
WRITE = 0.12  # how loudly the predecessor is written, before LOUD
COPY = 0.5  # how loudly what was found is written, before LOUD
FREQUENCIES = 4  # the fastest rotations tell neighbours apart


def apart(rows: int, width: int, generator: torch.Generator) -> Tensor:
    """Orthonormal rows [rows, width] that ignore channel 0."""
    made = torch.randn(width - 1, rows, generator=generator)
    return torch.cat((torch.zeros(rows, 1), torch.linalg.qr(made).Q.T), dim=1)


@torch.no_grad()
def lay(model: Nano, seed: int = 0) -> None:
    """Changes a fresh model in place."""
    size, layers, generator = model.size, model.model.layers, torch.Generator().manual_seed(seed)
    width, heads, key, value, rotary = size.width, size.heads, size.key_size, size.value_size, size.rotary
    model.model.embed_tokens.weight[:, 0] = CONSTANT
    model.model.embed_tokens.weight.mul_(LOUD)
    for layer in layers:
        layer.self_attn.o_proj.weight.zero_()
        if hasattr(layer.mlp, "experts"):
            layer.mlp.experts.down_proj.zero_()
        else:
            layer.mlp.down_proj.weight.zero_()
    first = next(i for i, kind in enumerate(size.layers) if kind == SLIDING)
    second = next(i for i, kind in enumerate(size.layers) if kind == FULL and i > first)
    half = rotary // 2
    # one back: query and key are constants, the query turned by one position
    back = layers[first].self_attn
    cos, sin = rotation(torch.ones(1, 1), rotary, size.theta_sliding)
    cos, sin = cos.flatten()[:FREQUENCIES], sin.flatten()[:FREQUENCIES]
    query, keys = back.q_proj.weight.view(heads, key, width), back.k_proj.weight.view(-1, key, width)
    query[0, :], keys[0, :] = 0.0, 0.0
    keys[0, :FREQUENCIES, 0] = BACK
    query[0, :FREQUENCIES, 0] = BACK * cos
    query[0, half : half + FREQUENCIES, 0] = -BACK * sin
    reader, writer = apart(value, width, generator), apart(value, width, generator).T
    back.v_proj.weight.view(-1, value, width)[0] = reader
    back.o_proj.weight.view(width, heads, value)[:, 0] = LOUD * WRITE * writer
    # what followed: the present token against every predecessor
    seek = layers[second].self_attn
    kv = size.kv_heads_of(second)
    query, keys = seek.q_proj.weight.view(heads, key, width), seek.k_proj.weight.view(kv, key, width)
    for group in range(kv):
        keys[group] = 0.0
        rows = min(key - rotary, value)
        keys[group, rotary : rotary + rows] = MATCH * writer.T[:rows]
        head = group * (heads // kv)
        query[head] = 0.0
        query[head, rotary : rotary + rows] = MATCH * reader[:rows]
        found = apart(value, width, generator)
        seek.v_proj.weight.view(kv, value, width)[group] = found
        seek.o_proj.weight.view(width, heads, value)[:, head] = LOUD * COPY * found.T
    model.lm_head.weight.copy_(head_of(model))


def head_of(model: Nano) -> Tensor:
    """The head [vocabulary, width] while training: the embedding table, quiet again and without its constant."""
    table = model.model.embed_tokens.weight
    share = torch.full((table.shape[1],), 1 / LOUD, device=table.device)
    share[0] = 0.0
    return table * share
