"""Muon: momentum whose update is made orthogonal by Newton-Schulz steps (Jordan et al., 2024), for matrices.

Knows tensors only; the trainer decides which parameters come here. A 3-D parameter is a stack of matrices.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


def orthogonal(update: Tensor, steps: int = 5) -> Tensor:
    """The nearest (roughly) orthogonal matrices to update [stack, rows, columns], with the published coefficients."""
    x = update.bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    for _ in range(steps):
        a = x @ x.mT
        b = torch.baddbmm(a, a, a, beta=-4.7750, alpha=2.0315)
        x = torch.baddbmm(x, b, x, beta=3.4445)
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """SGD with Nesterov momentum and orthogonal updates, scaled to keep Adam-sized steps (0.2 · sqrt(max side))."""

    def __init__(self, params: Iterable[Tensor], lr: float = 0.01, momentum: float = 0.95, decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient; equal shapes are stacked into one product."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[Tensor]] = {}
            for value in group["params"]:
                if value.grad is not None:
                    shapes.setdefault(value.shape, []).append(value)
            for values in shapes.values():
                self._step(values, group)

    def _step(self, values: list[Tensor], group: dict[str, float]) -> None:
        stack = []
        for value in values:
            state = self.state[value]
            moment = state.setdefault("moment", torch.zeros_like(value))
            moment.lerp_(value.grad, 1 - group["momentum"])
            stack.append(value.grad.lerp(moment, group["momentum"]))
        update = torch.stack(stack)
        update = orthogonal(update.flatten(0, -3)).view(update.shape).float()
        scale = 0.2 * max(values[0].shape[-2:]) ** 0.5
        for value, step in zip(values, update, strict=True):
            value.mul_(1 - group["lr"] * group["decay"]).sub_(step, alpha=group["lr"] * scale)
