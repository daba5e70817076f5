"""The training forward of MiMo-V2-Flash's architecture, written for speed on two cores.

Parameter names and layouts are those of transformers' MiMoV2FlashForCausalLM, so a state dict loads into it as it is
(tests/training holds the two to each other). Every expert runs on every token and the unchosen ones are weighted 0:
with four experts that is cheaper than sorting tokens, and it compiles to a few large products.
It knows nothing of text, optimisers or files.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.config import SLIDING, Size


class Norm(nn.Module):
    """RMSNorm."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        x = x.float()
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon))


def rotation(positions: Tensor, rotary: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosine and sine [batch, time, 1, rotary] for NeoX-style rotation."""
    inverse = 1.0 / (theta ** (torch.arange(0, rotary, 2, device=positions.device, dtype=torch.float32) / rotary))
    angle = positions[..., None].float() * inverse
    angle = torch.cat((angle, angle), dim=-1)[:, :, None, :]
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the first dimensions of each head of x [batch, time, heads, size]; the rest passes."""
    rotary = cos.shape[-1]
    turned, passed = x[..., :rotary], x[..., rotary:]
    left, right = turned.chunk(2, dim=-1)
    return torch.cat((turned * cos + torch.cat((-right, left), dim=-1) * sin, passed.float()), dim=-1).to(x.dtype)


def packed(query: Tensor, key: Tensor, value: Tensor, sinks: Tensor | None, mask: Tensor) -> Tensor:
    """Attention [batch, heads, time, size] where mask [batch, time, time] allows it.

    A sink is one more key with no value, which one more channel gives its logit: so one fused kernel does everything.
    """
    size, (batch, _, _, width) = query.shape[-1], value.shape
    if sinks is not None:
        logit = F.pad(sinks.view(1, -1, 1, 1).to(key.dtype), (size, 0)).expand(batch, -1, -1, -1)
        query, key = F.pad(query, (0, 1), value=size**0.5), torch.cat((F.pad(key, (0, 1)), logit), dim=2)
        value, mask = F.pad(value, (0, 0, 0, 1)), F.pad(mask, (0, 1), value=True)
    value = F.pad(value, (0, query.shape[-1] - width))
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None], scale=size**-0.5)[..., :width]


def whole(query: Tensor, key: Tensor, value: Tensor, weight: Tensor) -> Tensor:
    """Causal attention of one long conversation a row, all [batch, heads, time, size]; no scores are kept.

    weight [batch, time]: how many times a key counts. Its logarithm rides on one more channel, which costs nothing.
    """
    size, pad = query.shape[-1], (0, query.shape[-1] + 1 - value.shape[-1])
    more = weight.log()[:, None, :, None].to(key.dtype).expand(*key.shape[:3], 1)
    query, key = F.pad(query, (0, 1), value=size**0.5), torch.cat((key, more), dim=-1)
    mixed = F.scaled_dot_product_attention(query, key, F.pad(value, pad), is_causal=True, scale=size**-0.5)
    return mixed[..., : value.shape[-1]]


def near(query: Tensor, key: Tensor, value: Tensor, sinks: Tensor, window: int) -> Tensor:
    """Sliding attention of one long conversation a row, in blocks of a window: each sees itself and the one before."""
    batch, heads, time, size = query.shape
    blocks = -(-time // window)

    def cut(x: Tensor) -> Tensor:
        return F.pad(x, (0, 0, 0, blocks * window - time)).view(batch, heads, blocks, window, -1)

    def pairs(x: Tensor) -> Tensor:
        x = cut(x)
        return torch.cat((F.pad(x, (0, 0, 0, 0, 1, 0))[:, :, :-1], x), dim=3)

    index = torch.arange(2 * window, device=query.device)
    back = index[window:, None] - index[None, :]
    seen = ((back >= 0) & (back < window)).expand(blocks, -1, -1).clone()
    seen[0, :, :window] = False
    scores = torch.matmul(cut(query), pairs(key).transpose(-1, -2)).float() * size**-0.5
    scores = scores.masked_fill(~seen, -1e30)
    sink = sinks.view(1, -1, 1, 1, 1).float().expand(batch, heads, blocks, window, 1)
    share = torch.cat((scores, sink), dim=-1).softmax(-1)[..., :-1]
    return torch.matmul(share.to(value.dtype), pairs(value)).reshape(batch, heads, -1, value.shape[-1])[:, :, :time]


class Attention(nn.Module):
    """Grouped-query attention; sliding layers also have one learned logit a head in the denominator (the sink)."""

    def __init__(self, size: Size, layer: int) -> None:
        super().__init__()
        self.size, self.kv = size, size.kv_heads_of(layer)
        self.sliding = size.layers[layer] == SLIDING
        self.q_proj = nn.Linear(size.width, size.heads * size.key_size, bias=False)
        self.k_proj = nn.Linear(size.width, self.kv * size.key_size, bias=False)
        self.v_proj = nn.Linear(size.width, self.kv * size.value_size, bias=False)
        self.o_proj = nn.Linear(size.heads * size.value_size, size.width, bias=False)
        self.register_parameter("sinks", nn.Parameter(torch.zeros(size.heads)) if self.sliding else None)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        """x [batch, time, width]; mask [batch, time, time] true where a query sees a key, or [batch, time], the weight
        of each key where every row is one long conversation."""
        size, (batch, time, _) = self.size, x.shape
        query = rotate(self.q_proj(x).view(batch, time, size.heads, size.key_size), cos, sin).transpose(1, 2)
        key = rotate(self.k_proj(x).view(batch, time, self.kv, size.key_size), cos, sin).transpose(1, 2)
        value = self.v_proj(x).view(batch, time, self.kv, size.value_size).transpose(1, 2)
        groups = size.heads // self.kv
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
        if mask.dim() == 2:
            mixed = near(query, key, value, self.sinks, size.window) if self.sliding else whole(query, key, value, mask)
            return self.o_proj((mixed * size.value_scale).transpose(1, 2).reshape(batch, time, -1))
        mixed = packed(query, key, value, self.sinks, mask) * size.value_scale
        return self.o_proj(mixed.transpose(1, 2).reshape(batch, time, -1))


class Dense(nn.Module):
    """SwiGLU."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(size.width, size.dense_width, bias=False)
        self.up_proj = nn.Linear(size.width, size.dense_width, bias=False)
        self.down_proj = nn.Linear(size.dense_width, size.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Router(nn.Module):
    """Sigmoid scores; the correction bias helps to choose and never weighs."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.used = size.experts_used
        self.weight = nn.Parameter(torch.empty(size.experts, size.width))
        self.register_buffer("e_score_correction_bias", torch.zeros(size.experts))

    def forward(self, x: Tensor) -> Tensor:
        """Weights [tokens, experts], zero for the unchosen."""
        with torch.autocast(x.device.type, enabled=False):
            score = torch.sigmoid(F.linear(x.float(), self.weight.float()))
        chosen = torch.topk((score + self.e_score_correction_bias).detach(), self.used, dim=-1).indices
        kept = score * torch.zeros_like(score).scatter(-1, chosen, 1.0)
        return kept / (kept.sum(-1, keepdim=True) + 1e-20)


class Experts(nn.Module):
    """All experts as two products."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.gate_up_proj = nn.Parameter(torch.empty(size.experts, 2 * size.expert_width, size.width))
        self.down_proj = nn.Parameter(torch.empty(size.experts, size.width, size.expert_width))

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        experts, width, inner = self.down_proj.shape
        both = F.linear(x, self.gate_up_proj.view(-1, width)).view(-1, experts, 2, inner)
        hidden = F.silu(both[:, :, 0]) * both[:, :, 1] * weight[:, :, None]
        return F.linear(hidden.flatten(1).to(both.dtype), self.down_proj.permute(1, 0, 2).reshape(width, -1))


class Mixture(nn.Module):
    """Router and experts."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.gate = Router(size)
        self.experts = Experts(size)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The output, and the share of tokens each expert was chosen for [experts]."""
        flat = x.reshape(-1, x.shape[-1])
        weight = self.gate(flat)
        return self.experts(flat, weight).view_as(x), (weight.detach() > 0).float().mean(0)


class Layer(nn.Module):
    """Attention, then the dense product or the experts, each behind a norm and a residual."""

    def __init__(self, size: Size, layer: int) -> None:
        super().__init__()
        self.self_attn = Attention(size, layer)
        self.mlp = Dense(size) if layer == 0 else Mixture(size)
        self.input_layernorm = Norm(size.width, size.epsilon)
        self.post_attention_layernorm = Norm(size.width, size.epsilon)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> tuple[Tensor, Tensor | None]:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask)
        out = self.mlp(self.post_attention_layernorm(x))
        load = None
        if isinstance(out, tuple):
            out, load = out
        return x + out, load


class Trunk(nn.Module):
    """Embedding, layers, last norm."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.embed_tokens = nn.Embedding(size.vocabulary, size.width)
        self.layers = nn.ModuleList(Layer(size, i) for i in range(len(size.layers)))
        self.norm = Norm(size.width, size.epsilon)

    def forward(
        self,
        tokens: Tensor,
        positions: Tensor,
        document: Tensor,
        weight: Tensor | None = None,
        embeds: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """tokens, positions (each conversation from 0) and document (which conversation) [batch, time].

        With `weight` [batch, time] a row is one long conversation, `document` is not looked at, and positions, which
        may skip, are those of full attention: a sliding window sees none of the skips. `embeds` [batch, time, width]
        stand for those of `tokens`, where some are rows of a picture. What all conversations of a row begin with may
        stand once before them, as document -1.
        Returns the last hidden state [batch, time, width] and the experts' load [sparse layers, experts].
        """
        size, index = self.size, torch.arange(tokens.shape[1], device=tokens.device)
        if weight is None:
            back = index[:, None] - index[None, :]
            own = document[:, :, None] == document[:, None, :]
            full = (own | (document[:, None, :] < 0)) & (back >= 0)
            sliding, close = full & (positions[:, :, None] - positions[:, None, :] < size.window), positions
        else:
            full, sliding, close = weight, weight, index[None]
        wide = rotation(positions, size.rotary, size.theta_full)
        tight = rotation(close, size.rotary, size.theta_sliding)
        x, loads = self.embed_tokens(tokens) if embeds is None else embeds, []
        for kind, layer in zip(size.layers, self.layers, strict=True):
            x, load = layer(x, *tight, sliding) if kind == SLIDING else layer(x, *wide, full)
            if load is not None:
                loads.append(load)
        return self.norm(x), torch.stack(loads)


class Nano(nn.Module):
    """The language model: trunk and an untied head."""

    def __init__(self, size: Size, seed: int = 0) -> None:
        super().__init__()
        self.size = size
        self.model = Trunk(size)
        self.lm_head = nn.Linear(size.width, size.vocabulary, bias=False)
        generator = torch.Generator().manual_seed(seed)
        for name, value in self.named_parameters():
            if value.dim() > 1:
                small = name.endswith(("o_proj.weight", "down_proj.weight", "down_proj"))
                spread = size.width**-0.5 * ((2 * len(size.layers)) ** -0.5 if small else 1.0)
                with torch.no_grad():
                    value.normal_(
                        0.0, 0.02 if "lm_head" in name or "gate.weight" in name else spread, generator=generator
                    )

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits [batch, time, vocabulary] of whole sequences, one conversation each."""
        positions = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
        return self.lm_head(self.model(tokens, positions, torch.zeros_like(tokens))[0])
