"""Trains the tower for images: `python -m training.towers.train --gguf src/mimo/nano/nano.gguf --minutes 60`.

The language model is frozen: what text it writes stays as it was, bit for bit. The loss is that of the answer's tokens.
Resumes from its last checkpoint, `vision.pt`; `--check` measures it instead, on pictures of seeds that training never
draws. The same code on CUDA, if it is there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.chat import SYSTEM
from training.config import SIZES as LANGUAGE
from training.data import EVALUATION_SEED
from training.export import state_of
from training.model import Nano
from training.tokenizer import Tokenizer
from training.towers.pictures import SIZES, SKILLS, Shown, shown
from training.towers.vision import Vision, VisionSize
from training.train import pace


class Batcher:
    """Pictures and their conversations as tensors."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._special, self._encode = tokenizer.special, lambda text: tokenizer.bpe.encode(text).ids

    def ids(self, one: Shown, rows: int) -> tuple[list[int], int]:
        """The conversation, the picture's rows as `<|image_pad|>`, and where the answer begins."""
        special, encode = self._special, self._encode
        begin, end = special["<|im_start|>"], special["<|im_end|>"]
        picture = [special["<|vision_start|>"], *[special["<|image_pad|>"]] * rows, special["<|vision_end|>"]]
        prompt = [begin, *encode(f"system\n{SYSTEM}"), end, begin, *encode("user\n"), *picture, *encode(one.question)]
        prompt += [end, begin, *encode("assistant\n"), special["<think>"], special["</think>"]]
        return [*prompt, *encode(one.answer), end], len(prompt)

    def tensors(self, pictures: Sequence[Shown]) -> tuple[Tensor, Tensor, Tensor]:
        """pixels [batch, 3, height, width], tokens [batch, time], and which of them are learnt; all of one size."""
        raw = np.stack([np.asarray(one.image, np.float32) for one in pictures]) / 127.5 - 1
        pixels = torch.from_numpy(raw).permute(0, 3, 1, 2).contiguous()
        made = [self.ids(one, pixels.shape[2] * pixels.shape[3] // 1024) for one in pictures]
        longest = max(len(ids) for ids, _ in made)
        tokens, learnt = (
            torch.zeros(len(made), longest, dtype=torch.long),
            torch.zeros(len(made), longest, dtype=torch.bool),
        )
        for row, (ids, answer) in enumerate(made):
            tokens[row, : len(ids)] = torch.tensor(ids)
            learnt[row, answer : len(ids)] = True
        return pixels, tokens, learnt


def logits_of(
    nano: Nano, vision: Vision, pixels: Tensor, tokens: Tensor, learnt: Tensor, pad: int
) -> tuple[Tensor, Tensor]:
    """Logits of the learnt tokens, and those tokens."""
    rows = vision(pixels)
    embeds = nano.model.embed_tokens(tokens)
    embeds = embeds.masked_scatter((tokens == pad)[:, :, None], rows.to(embeds.dtype))
    positions = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
    hidden, _ = nano.model(tokens, positions, torch.zeros_like(tokens), embeds=embeds)
    wanted = learnt[:, 1:]
    return nano.lm_head(hidden[:, :-1][wanted]).float(), tokens[:, 1:][wanted]


def check(nano: Nano, vision: Vision, batcher: Batcher, pad: int, count: int) -> dict[str, float]:
    """Of each skill, the share of answers of which every token is the likeliest: what greedy sampling gets right."""
    found = {}
    for skill in SKILLS:
        right = total = 0
        for at, size in enumerate(SIZES):
            each = max(1, count // len(SIZES))
            pictures = [shown(EVALUATION_SEED + 1000 * at + seed, size, skill) for seed in range(each)]
            pixels, tokens, learnt = batcher.tensors(pictures)
            with torch.no_grad():
                logits, wanted = logits_of(nano, vision, pixels, tokens, learnt, pad)
            good = torch.ones(each, dtype=torch.bool)
            owner = learnt[:, 1:].nonzero()[:, 0]
            good[owner[logits.argmax(-1) != wanted]] = False
            right, total = right + int(good.sum()), total + each
        found[skill] = right / total
    return found


def main() -> None:
    """Train, or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("training/out"))
    parser.add_argument("--gguf", type=Path, default=Path("src/mimo/nano/nano.gguf"), help="the language model")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--batch", type=int, default=24, help="pictures a step")
    parser.add_argument("--rate", type=float, default=0.002, help="peak rate of AdamW")
    parser.add_argument("--every", type=float, default=3.0, help="minutes between checkpoints")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--check", type=int, default=0, help="measure so many pictures a skill")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    size, tokenizer = LANGUAGE["cpu"], Tokenizer(args.gguf)
    nano = Nano(size)
    nano.load_state_dict(state_of(args.gguf, size))
    nano.requires_grad_(False).to(device)
    vision, pad = Vision(VisionSize(out=size.width)).to(device), tokenizer.special["<|image_pad|>"]
    batcher, saved = Batcher(tokenizer), args.out / "vision.pt"
    optimiser = torch.optim.AdamW(vision.parameters(), lr=args.rate, betas=(0.9, 0.98), weight_decay=0.01)
    step, spent = 0, 0.0
    if saved.exists():
        state = torch.load(saved, map_location=device)
        vision.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        step, spent = state["step"], state["spent"]
    if args.check:
        for skill, share in check(nano.cpu(), vision.cpu(), batcher, pad, args.check).items():
            print(f"| {skill} | {share:.0%} |")
        return
    args.out.mkdir(parents=True, exist_ok=True)
    began = last = time.monotonic() - spent
    smooth = None
    while True:
        spent = time.monotonic() - began
        done = spent / (args.minutes * 60)
        if done >= 1 or time.monotonic() - last > args.every * 60:
            kept = {"model": vision.state_dict(), "optimiser": optimiser.state_dict(), "step": step, "spent": spent}
            torch.save(kept, saved.with_suffix(".new"))
            saved.with_suffix(".new").replace(saved)
            last = time.monotonic()
        if done >= 1:
            return
        for group in optimiser.param_groups:
            group["lr"] = args.rate * pace(done)
        size_now = SIZES[step % len(SIZES)]
        pictures = [shown(step * args.batch + at, size_now) for at in range(args.batch)]
        pixels, tokens, learnt = (tensor.to(device) for tensor in batcher.tensors(pictures))
        with torch.autocast(device, torch.bfloat16):
            logits, wanted = logits_of(nano, vision, pixels, tokens, learnt, pad)
        loss = F.cross_entropy(logits, wanted)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vision.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        step += 1
        smooth = loss.item() if smooth is None else 0.98 * smooth + 0.02 * loss.item()
        if step % 20 == 0:
            print(f"{done:4.0%} step {step} loss {smooth:.4f} {spent:.0f} s", flush=True)


if __name__ == "__main__":
    main()
