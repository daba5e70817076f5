"""Which rows of embeddings make the frozen language model answer rightly: learnt from facts alone, without a medium.

    python -m training.towers.bridge --sense image --gguf src/mimo/nano/nano.gguf --steps 450

Learning this through pixels takes a pass through the language model for every picture; from facts it takes some ten
thousand. A tower then learns to give these rows, for which no language model is needed.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from pathlib import Path
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.config import SIZES
from training.export import state_of
from training.model import Nano
from training.tokenizer import Tokenizer
from training.towers.asking import Asker, loss_of
from training.towers.facts import SKILLS, WIDTH, Facts, Sense, facts_of, numbers
from training.train import pace

SLOTS: dict[Sense, int] = {"image": 4, "audio": 1}
"""Rows that differ. Of an image the first three, and one that all others repeat; of a sound only one, since the tower
does not know when it ends: before it is over the rows say that nothing is known."""
COUNTS = (8, 8, 9, 9, 12, 16)
"""Rows of a medium; the loss is the same for more, and costs more."""


class Bridge(nn.Module):
    """Facts to rows."""

    def __init__(self, width: int, slots: int, inner: int = 512) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.slots, self.width = slots, width
        self.up, self.out = nn.Linear(WIDTH, inner), nn.Linear(inner, slots * width)
        with torch.no_grad():  # rows as loud as the embeddings of tokens
            self.up.weight.normal_(0.0, 0.6)
            self.out.weight.normal_(0.0, 2.0 * inner**-0.5)

    def forward(self, facts: Tensor) -> Tensor:
        """facts [batch, WIDTH] of ones and zeros → the rows that differ [batch, slots, width]."""
        return self.out(F.gelu(self.up(facts))).view(-1, self.slots, self.width)

    def rows(self, rng: Random, facts: Tensor, counts: Sequence[int]) -> Tensor:
        """All rows of media of `counts` rows each [sum of counts, width]."""
        slots, unknown, parts = self(facts), self(torch.zeros_like(facts[:1]))[0], []
        for slot, count in zip(slots, counts, strict=True):
            if self.slots > 1:
                parts.append(slot[torch.arange(count, device=slot.device).clamp(max=self.slots - 1)])
            else:
                known = rng.randint(1, min(count, 6))
                parts.append(torch.cat((unknown.expand(count - known, -1), slot.expand(known, -1))))
        return torch.cat(parts)


def table_of(facts: Sequence[Facts]) -> Tensor:
    """[batch, WIDTH]."""
    table = torch.zeros(len(facts), WIDTH)
    for row, one in enumerate(facts):
        table[row, numbers(one)] = 1.0
    return table


def frozen(gguf: Path, name: str = "cpu") -> Nano:
    """The language model, which learns nothing."""
    size = SIZES[name]
    nano = Nano(size)
    nano.load_state_dict(state_of(gguf, size))
    return nano.requires_grad_(False)


def main() -> None:
    """Train; resumes from `bridge-SENSE.pt`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sense", choices=SLOTS, default="image")
    parser.add_argument("--out", type=Path, default=Path("training/out"))
    parser.add_argument("--gguf", type=Path, default=Path("src/mimo/nano/nano.gguf"), help="the language model")
    parser.add_argument("--size", choices=SIZES, default="cpu")
    parser.add_argument("--steps", type=int, default=450)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=0.005)
    parser.add_argument("--noise", type=float, default=0.5, help="most of it, in shares of how rows vary")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    nano, asker = frozen(args.gguf, args.size).to(device), Asker(Tokenizer(args.gguf), args.sense)
    bridge, saved = Bridge(nano.size.width, SLOTS[args.sense]).to(device), args.out / f"bridge-{args.sense}.pt"
    args.out.mkdir(parents=True, exist_ok=True)
    optimiser = torch.optim.AdamW(bridge.parameters(), lr=args.rate, betas=(0.9, 0.98), weight_decay=0.0)
    step, began = 0, time.monotonic()
    if saved.exists():
        state = torch.load(saved, map_location=device)
        bridge.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        step = state["step"]
    right: dict[str, deque[bool]] = defaultdict(lambda: deque(maxlen=200))
    while step < args.steps:
        rng = Random(f"bridge {step}")
        facts = [facts_of(rng, SKILLS[args.sense]) for _ in range(args.batch)]
        counts = [rng.choice(COUNTS)] * len(facts)
        asking = asker.of(rng, facts, counts).to(device)
        for group in optimiser.param_groups:
            group["lr"] = args.rate * pace(step / args.steps)
        rows = bridge.rows(rng, table_of(facts).to(device), counts)
        rows = rows + args.noise * rng.random() * rows.std(0).mean().detach() * torch.randn_like(rows)
        with torch.autocast(device, torch.bfloat16):
            loss, wrong = loss_of(nano, asking, rows)
        loss.backward()
        nn.utils.clip_grad_norm_(bridge.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        step += 1
        for at, one in enumerate(facts):
            right[one["kind"]].append(at not in wrong)
        if step % 20 == 0:
            shares = " ".join(f"{kind} {sum(good) / len(good):.0%}" for kind, good in sorted(right.items()))
            print(f"step {step} loss {loss.item():.3f} {shares} {time.monotonic() - began:.0f} s", flush=True)
        if step % 25 == 0 or step == args.steps:
            kept = {"model": bridge.state_dict(), "optimiser": optimiser.state_dict(), "step": step}
            torch.save(kept, saved.with_suffix(".new"))
            saved.with_suffix(".new").replace(saved)


if __name__ == "__main__":
    main()
