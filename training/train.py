"""Trains nano from the corpus: `python -m training.train --out training/out`. Resumes from its last checkpoint.

Muon for the matrices, AdamW for the rest; warm-up, then flat, then linear to zero over the last third. The length is
given in steps or in minutes of wall clock (`--minutes`), because two shared cores are not a fixed speed.
It knows rows of tokens, not what they mean.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.chat import SPECIALS
from training.circuits import head_of, lay
from training.config import SIZES
from training.corpus import ROWS
from training.export import state_of
from training.model import Nano
from training.muon import Muon
from training.practice import practice
from training.stretch import stretch

EMBEDDING_RATE = 8.0
"""Peak rate of the embedding table over Muon's: its entries are sixteen times those of other matrices."""
CHOICE, AHEAD = 4.0, 8
"""The loss of the first `AHEAD` tokens of a call counts so many times: which function it is, is decided there."""


class Rows:
    """Batches of about `tokens` tokens, of one row length each, in an order fixed by the seed."""

    def __init__(self, path: Path, tokens: int, seed: int) -> None:
        data = np.load(path)
        self.parts = {n: {k: data[f"{k}_{n}"] for k in ("tokens", "learnt", "document")} for n in ROWS}
        self.plan: list[tuple[int, np.ndarray]] = []
        rng = np.random.default_rng(seed)
        for length, part in self.parts.items():
            order, each = rng.permutation(len(part["tokens"])), tokens // length
            self.plan += [(length, order[i : i + each]) for i in range(0, len(order) - each + 1, each)]
        rng.shuffle(self.plan)

    def batch(self, step: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """tokens, positions, document, learnt; the plan repeats when it is used up."""
        length, rows = self.plan[step % len(self.plan)]
        part = self.parts[length]
        document = part["document"][rows].astype(np.int64)
        index = np.arange(length)
        begins = np.concatenate([np.ones((len(rows), 1), bool), document[:, 1:] != document[:, :-1]], axis=1)
        positions = index - np.maximum.accumulate(np.where(begins, index, 0), axis=1)
        arrays = (part["tokens"][rows].astype(np.int64), positions, document, part["learnt"][rows])
        return tuple(torch.from_numpy(a) for a in arrays)  # type: ignore[return-value]


class LongRows:
    """Batches of long conversations, stretched; each has a row to itself."""

    def __init__(self, path: Path, tokens: int, seed: int, longest: int, user: int) -> None:
        data = np.load(path)
        self.tokens, self.learnt = data["tokens"], data["learnt"]
        self.each, self.seed, self.longest, self.user = max(1, tokens // self.tokens.shape[1]), seed, longest, user

    def batch(self, step: int) -> tuple[Tensor, ...]:
        """tokens, positions, document, learnt and the weight of each key."""
        rng = np.random.default_rng((self.seed, step))
        rows = [int(row) for row in rng.integers(len(self.tokens), size=self.each)]
        tokens = self.tokens[rows].astype(np.int64)
        made = [stretch(rng, self.tokens[row], self.learnt[row], self.user, self.longest) for row in rows]
        positions, weight, learnt = (torch.from_numpy(np.stack(part)) for part in zip(*made, strict=True))
        return torch.from_numpy(tokens), positions, torch.zeros_like(positions), learnt, weight


def optimisers(model: Nano, lr: float, table_rate: float = EMBEDDING_RATE) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices, AdamW for the embedding, norms, sinks and routers. The head is not trained: it is
    the embedding's (`circuits.head_of`)."""
    table = model.model.embed_tokens.weight
    matrices, routers, plain = [], [], []
    for name, value in model.model.layers.named_parameters():
        if value.dim() == 1:
            plain.append(value)
        else:
            (routers if "gate.weight" in name else matrices).append(value)
    plain.append(model.model.norm.weight)
    groups = [
        {"params": routers, "weight_decay": 0.01},
        {"params": plain, "weight_decay": 0.0},
        {"params": [table], "weight_decay": 0.0, "lr": lr * table_rate},
    ]
    out = [Muon(matrices, lr=lr), torch.optim.AdamW(groups, lr=lr * 0.3, betas=(0.9, 0.98), fused=True)]
    for optimiser in out:
        for group in optimiser.param_groups:
            group["peak"] = group["lr"]
    return out


def pace(done: float, fall: float = 0.3) -> float:
    """Share of the peak rate when `done` (0–1) is behind: warm-up 2 %, flat, then down to 2 % over the last `fall`."""
    return min(1.0, done / 0.02 + 0.02, max(0.02, (1.0 - done) / fall))


def counted(tokens: Tensor) -> Tensor:
    """How many times the loss of each token counts, like tokens [rows, length]."""
    weight = torch.ones(tokens.shape, device=tokens.device)
    begins = tokens == SPECIALS.index("<tool_call>")
    for ahead in range(1, AHEAD + 1):
        weight[:, ahead:][begins[:, :-ahead]] = CHOICE
    return weight


def loss_of(model: Nano, trunk: torch.nn.Module, batch: tuple[Tensor, ...], device: str) -> tuple[Tensor, Tensor]:
    """Mean loss over learnt tokens, each as often as it counts, and the experts' load."""
    tokens, positions, document, learnt, *weight = (t.to(device) for t in batch)
    with torch.autocast(device, torch.bfloat16):
        hidden, load = trunk(tokens, positions, document, *weight)
        at = learnt[:, 1:].reshape(-1).nonzero()[:, 0]
        logits = F.linear(hidden[:, :-1].reshape(-1, hidden.shape[-1])[at], head_of(model))
    each = F.cross_entropy(logits.float(), tokens[:, 1:].reshape(-1)[at], reduction="none")
    times = counted(tokens)[:, 1:].reshape(-1)[at]
    return (each * times).sum() / times.sum().clamp(min=1.0), load  # of a stretched row nothing may be left to learn


def balance(model: Nano, load: Tensor, rate: float) -> None:
    """Nudges each correction bias towards equal load, as aux-loss-free balancing does."""
    for row, layer in zip(load, model.model.layers[1:], strict=True):
        layer.mlp.gate.e_score_correction_bias += rate * torch.sign(row.mean() - row)


@torch.no_grad()
def bound(model: Nano, limit: float) -> None:
    """Scales each head's query and key matrix back to a Frobenius norm of `limit` times that of its initialisation.

    The architecture has no norm on queries and keys, and Muon's steps are large: unbounded, attention logits grow into
    the hundreds, every softmax saturates and heads stop learning.
    """
    size = model.size
    for layer in model.model.layers:
        for matrix in (layer.self_attn.q_proj.weight, layer.self_attn.k_proj.weight):
            heads = matrix.view(-1, size.key_size, size.width)
            norm = heads.norm(dim=(1, 2), keepdim=True)
            heads.mul_((limit * size.key_size**0.5 / norm).clamp(max=1.0))


def train(args: argparse.Namespace) -> Iterator[dict[str, float]]:
    """Yields one record a step; saves checkpoints on the way."""
    size, device = SIZES[args.size], "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(args.seed)
    model = Nano(size, args.seed)
    if args.source:
        model.load_state_dict(state_of(args.source, size))
    else:
        lay(model, args.seed)
    model.to(device)
    long = None
    if args.long:
        vocabulary = json.loads((args.out / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
        long = LongRows(args.out / "long.npz", args.tokens, args.seed, size.context, vocabulary["user"])
    rows, made = Rows(args.out / "corpus.npz", args.tokens, args.seed), optimisers(model, args.rate, args.table)
    saved, step, spent = args.out / "checkpoint.pt", 0, 0.0
    if saved.exists():
        state = torch.load(saved, map_location=device)
        model.load_state_dict(state["model"])
        step, spent = state["step"], state["spent"]
        for optimiser, part in zip(made, state["optimisers"], strict=True):
            peaks = [group["peak"] for group in optimiser.param_groups]
            optimiser.load_state_dict(part)
            for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                group["peak"] = peak  # the rate asked for now, not the checkpoint's
    trunk = torch.compile(model.model, dynamic=False) if args.compile else model.model
    began = last = time.monotonic() - spent
    while True:
        spent = time.monotonic() - began
        done = max(spent / (args.minutes * 60) if args.minutes else 0.0, step / args.steps if args.steps else 0.0)
        if done >= 1 or time.monotonic() - last > args.every * 60:
            save(saved, model, made, step, spent)
            last = time.monotonic()
        if done >= 1:
            return
        for optimiser in made:
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * pace(done, args.fall)
        drill = np.random.default_rng((args.seed, step))
        drilled, far = drill.random() < args.practice, drill.random() < args.long
        batch: tuple[Tensor, ...] = rows.batch(step)
        if drilled:
            batch = practice(drill, size.vocabulary, args.tokens // 256)
        elif far and long:
            batch = long.batch(step)
        loss, load = loss_of(model, model.model if far else trunk, batch, device)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimiser in made:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        bound(model, args.bound)
        balance(model, load, 0.003 * pace(done, args.fall))
        step += 1
        yield {
            "step": step,
            "loss": loss.item(),
            "done": done,
            "tokens": batch[0].numel(),
            "load": load.max().item(),
            "drill": drilled,
            "long": far and not drilled,
            "spent": spent,
        }


def save(path: Path, model: Nano, made: list[torch.optim.Optimizer], step: int, spent: float) -> None:
    """Writes a checkpoint next to the old one, then takes its place."""
    with torch.no_grad():
        model.lm_head.weight.copy_(head_of(model))
    state = {"model": model.state_dict(), "optimisers": [o.state_dict() for o in made], "step": step, "spent": spent}
    torch.save(state, path.with_suffix(".new"))
    os.replace(path.with_suffix(".new"), path)


def plot(log: Path, image: Path) -> None:
    """The loss curve, raw and smoothed."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    records = [json.loads(line) for line in log.read_text().splitlines()]
    losses = np.array([record["loss"] for record in records if not record.get("drill")])
    window = max(1, len(losses) // 100)
    figure, axes = plt.subplots(figsize=(6, 3.5))
    axes.plot(losses, linewidth=0.4, color="#bbbbbb")
    axes.plot(
        np.arange(window - 1, len(losses)), np.convolve(losses, np.ones(window) / window, "valid"), color="#c2410c"
    )
    axes.set(xlabel="step", ylabel="loss, nats a learnt token", yscale="log", title="nano")
    figure.tight_layout()
    figure.savefig(image, dpi=80)


def main() -> None:
    """Train, showing a bar; a record a step goes to loss.jsonl."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("training/out"))
    parser.add_argument("--size", choices=SIZES, default="cpu")
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--tokens", type=int, default=4096, help="tokens a step")
    parser.add_argument("--rate", type=float, default=0.003, help="peak rate of Muon; AdamW gets 0.3 of it")
    parser.add_argument("--table", type=float, default=EMBEDDING_RATE, help="the embedding's peak rate over Muon's")
    parser.add_argument("--fall", type=float, default=0.3, help="over what share of the run the rate falls")
    parser.add_argument(
        "--from", dest="source", type=Path, help="a GGUF to go on from, where there is no checkpoint yet"
    )
    parser.add_argument("--long", type=float, default=0.0, help="share of steps on long.npz")
    parser.add_argument("--practice", type=float, default=0.08, help="share of steps on repeated random tokens")
    parser.add_argument("--bound", type=float, default=1.8, help="cap on the norm of queries' and keys' matrices")
    parser.add_argument("--every", type=float, default=4.0, help="minutes between checkpoints")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    log, smooth, tokens = args.out / "loss.jsonl", None, 0
    with log.open("a") as out:
        for record in train(args):
            print(json.dumps(record), file=out, flush=True)
            if not record["drill"]:
                smooth = record["loss"] if smooth is None else 0.98 * smooth + 0.02 * record["loss"]
            tokens += int(record["tokens"])
            bar = "#" * int(30 * record["done"])
            end = "\n" if record["step"] % 100 == 0 else "\r"
            spent = record["spent"]
            print(
                f"[{bar:30}] {record['done']:4.0%} step {record['step']} loss {smooth or 0:.4f} "
                f"{tokens / 1e6:.2f}M tokens {spent:.0f} s",
                end=end,
                flush=True,
            )
    plot(log, args.out / "loss.png")


if __name__ == "__main__":
    main()
