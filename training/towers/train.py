"""Trains a tower: `python -m training.towers.train --sense image --gguf src/mimo/nano/nano.gguf --minutes 60`.

Most steps take the rows of the bridge as what is right (`bridge.py` comes first); with `--through` a share of them goes
through the language model. That is frozen: what text it writes stays as it was, bit for bit. Resumes from its last
checkpoint, `tower-SENSE.pt`. The same code on CUDA, if it is there.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from random import Random

import torch
from torch import nn

from training.config import SIZES
from training.tokenizer import Tokenizer
from training.towers.asking import Asker, loss_of
from training.towers.bridge import SLOTS, Bridge, frozen, table_of
from training.towers.learning import Reader, fit, naming_loss, row_loss, wanted_of
from training.towers.senses import LEARNERS
from training.train import pace

LOUD = 4.0
"""The rate of the last matrix over that of the others: the rows of the bridge are as many times louder."""


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sense", choices=SLOTS, default="image")
    parser.add_argument("--out", type=Path, default=Path("training/out"))
    parser.add_argument("--gguf", type=Path, default=Path("src/mimo/nano/nano.gguf"), help="the language model")
    parser.add_argument("--size", choices=SIZES, default="cpu")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--batch", type=int, default=64, help="media a step")
    parser.add_argument("--through", type=int, default=0, help="one step in so many goes through the language model")
    parser.add_argument("--anew", action="store_true", help="forget the moments of the optimiser")
    parser.add_argument("--naming", type=float, default=1.0, help="weight of the reader's loss")
    parser.add_argument("--apart", type=float, default=1.0, help="weight of the distance from the bridge's rows")
    parser.add_argument("--fit", type=int, default=0, help="begin with the last matrix fitted to so many batches")
    parser.add_argument("--rate", type=float, default=0.002, help="peak rate of AdamW")
    parser.add_argument("--every", type=float, default=2.0, help="minutes between checkpoints")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    saved, bridged = args.out / f"tower-{args.sense}.pt", args.out / f"bridge-{args.sense}.pt"
    learner = LEARNERS[args.sense](args.size, SLOTS[args.sense], args.out)
    tower, reader = learner.tower.to(device), Reader(learner.seen_width).to(device)
    bridge = Bridge(SIZES[args.size].width, SLOTS[args.sense]).to(device) if bridged.exists() else None
    nano = frozen(args.gguf, args.size).to(device) if args.through else None
    asker = Asker(Tokenizer(args.gguf), args.sense)
    parameters = [*tower.parameters(), *reader.parameters()]
    loud = [learner.last.weight]
    groups = [{"params": [one for one in parameters if one is not loud[0]], "by": 1.0}, {"params": loud, "by": LOUD}]
    optimiser = torch.optim.AdamW(groups, lr=args.rate, betas=(0.9, 0.98), weight_decay=0.0)
    step, spent = 0, 0.0
    if bridge:
        bridge.load_state_dict(torch.load(bridged, map_location=device)["model"])
    if saved.exists():
        state = torch.load(saved, map_location=device)
        tower.load_state_dict(state["model"])
        reader.load_state_dict(state["reader"])
        if not args.fit and not args.anew:  # the moments are those of other gradients then
            optimiser.load_state_dict(state["optimiser"])
        step, spent = state["step"], state["spent"]
    if args.fit and bridge:
        found, rows_wanted = [], []
        for at in range(args.fit):
            given, facts, known = learner.batch(10**6 + at, args.batch)
            with torch.no_grad():
                slots, owner = learner.slots(learner.seen(given.to(device))[0], known)
                found.append(slots.flatten(0, 1))
                rows_wanted.append(bridge(table_of(facts).to(device))[owner].flatten(0, 1))
        print(f"fitted: {fit(learner.last, torch.cat(found), torch.cat(rows_wanted)):.1%} left", flush=True)
    args.out.mkdir(parents=True, exist_ok=True)
    began = last = time.monotonic() - spent
    smooth: dict[str, float] = {}
    while True:
        spent = time.monotonic() - began
        done = spent / (args.minutes * 60)
        if done >= 1 or time.monotonic() - last > args.every * 60:
            kept = {"model": tower.state_dict(), "reader": reader.state_dict(), "optimiser": optimiser.state_dict()}
            torch.save({**kept, "step": step, "spent": spent}, saved.with_suffix(".new"))
            saved.with_suffix(".new").replace(saved)
            last = time.monotonic()
        if done >= 1:
            return
        for group in optimiser.param_groups:
            group["lr"] = args.rate * group["by"] * pace(done)
        through = nano is not None and step % args.through == 0
        given, facts, known = learner.batch(step, args.batch // 2 if through else args.batch)
        seen, loss = learner.seen(given.to(device))
        slots, owner = learner.slots(seen, known)
        all_wanted = wanted_of(facts).to(device)[owner].repeat_interleave(slots.shape[1], dim=0)
        naming, shares = naming_loss(reader(slots), all_wanted)
        loss, rows = loss + args.naming * naming, learner.last(seen)
        if bridge:
            wanted = bridge(table_of(facts).to(device))[owner]
            apart = row_loss(learner.slots(rows, known)[0], wanted)
            loss, shares["apart"] = loss + args.apart * apart, apart.item()
        if through and nano:
            asking = asker.of(Random(f"ask {step}"), facts, [rows.shape[1]] * len(facts)).to(device)
            with torch.autocast(device, torch.bfloat16):
                said, wrong = loss_of(nano, asking, rows.flatten(0, 1))
            loss, shares["answers"] = loss + said, 1 - len(wrong) / len(facts)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        step += 1
        for name, share in shares.items():
            smooth[name] = smooth.get(name, share) * 0.97 + share * 0.03
        if step % 50 == 0:
            print(
                f"{done:4.0%} step {step} {spent:.0f} s",
                " ".join(f"{k} {v:.2f}" for k, v in smooth.items()),
                flush=True,
            )


if __name__ == "__main__":
    main()
