"""What towers learn from without the language model: the rows of the bridge, and which facts there are.

The language model is a hundred times the work of a tower. So most steps go by without it: the tower gives the rows that
the bridge found for the same facts, and a reader, which is thrown away later, names the facts.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.towers.facts import VALUES, WIDTH, Facts


class Reader(nn.Module):
    """What is seen in a slot → a number for every fact. One for all slots: each must know everything."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.facts = nn.Linear(width, WIDTH)

    def forward(self, slots: Tensor) -> Tensor:
        """slots [batch, slots, width] → [batch * slots, WIDTH]."""
        return self.facts(slots.flatten(0, 1))


def wanted_of(facts: Sequence[Facts]) -> Tensor:
    """Which value of each fact holds [batch, facts], -1 where none does."""
    return torch.tensor(
        [[values.index(one[name]) if name in one else -1 for name, values in VALUES.items()] for one in facts]
    )


def naming_loss(read: Tensor, wanted: Tensor) -> tuple[Tensor, dict[str, float]]:
    """The loss of the reader, and of each fact the share that is named rightly."""
    total, shares, begin = read.sum() * 0.0, {}, 0
    for at, (name, values) in enumerate(VALUES.items()):
        part, want = read[:, begin : begin + len(values)].float(), wanted[:, at]
        begin += len(values)
        if (there := want >= 0).any():
            total = total + F.cross_entropy(part, want, ignore_index=-1)
            shares[name] = (part.argmax(-1) == want)[there].float().mean().item()
    return total, shares


def fit(last: nn.Linear, seen: Tensor, wanted: Tensor) -> float:
    """Set the tower's last matrix to the least squares of what is `seen` [some, width] and the rows `wanted` of it; the
    share of their variance that it leaves. The rows are several times as loud as those that a tower begins with."""
    with torch.no_grad():
        square = seen.T @ seen
        square += square.diagonal().mean() * 1e-3 * torch.eye(len(square), device=square.device)
        last.weight.copy_(torch.linalg.solve(square, seen.T @ wanted).T)
        return ((last(seen) - wanted).pow(2).mean() / wanted.var(0).mean()).item()


def row_loss(slots: Tensor, wanted: Tensor) -> Tensor:
    """How far slots [batch, slots, width] are from those of the bridge, in shares of how these vary."""
    target = wanted.detach()
    return (slots - target).pow(2).mean() / target.var(0).mean()
