"""The forward passes alone: a loop over `llama_decode` and nothing else, as a process that takes orders.

It decodes what a server decodes for the same requests: each prompt in calls of `chunk` tokens, then one call a step
over all streams, every logit wanted and none looked at. One JSON order a line on stdin, one JSON answer on stdout.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from mimo.engines.local.model.model import LocalModel
from mimo.engines.local.model.options import ModelOptions
from mimo.llamacpp.library import Library


def described(model: LocalModel) -> dict[str, object]:
    """What a client must know of the model: which ids end a turn, how long its window is; how many threads mimo takes
    for a single row."""
    tokenizer = model.tokenizer
    run(model, [[0]], 8)
    model.kv.clear()
    return {
        "name": model.name,
        "vocabulary": tokenizer.vocabulary,
        "window": model.context_window,
        "threads_of_one": model.threads,
        "ends": sorted(tokenizer.end_ids),
    }


def run(model: LocalModel, prompts: list[list[int]], tokens: int) -> dict[str, float]:
    """Decode `prompts`, then `tokens` − 1 steps of all of them. Seconds of the whole and of the steps."""
    model.kv.clear()
    chunk, slots = model.options.chunk, list(range(len(prompts)))
    draws = np.random.default_rng(0).integers(0, model.tokenizer.valid, (tokens, len(prompts))).tolist()
    wanted = [True] * len(prompts)
    positions = [len(prompt) for prompt in prompts]
    start = time.perf_counter()
    for slot, prompt in zip(slots, prompts, strict=True):
        for at in range(0, len(prompt), chunk):
            part = prompt[at : at + chunk]
            model.decode_prompt(slot, part, at, last=at + len(part) == len(prompt))
    middle = time.perf_counter()
    for step in range(tokens - 1):
        model.decode_step(slots, draws[step], positions, wanted)
        positions = [position + 1 for position in positions]
    end = time.perf_counter()
    return {"seconds": end - start, "prompts": middle - start, "steps": end - middle}


def main() -> None:
    order = json.loads(sys.stdin.readline())
    options = ModelOptions(
        slots=order["slots"],
        context_window=order["window"],
        threads=order["threads"][0],
        long_threads=order["threads"][1],
        chunk=order["chunk"],
    )
    model = LocalModel(Library(), Path(order["model"]), options)
    print(json.dumps(described(model)), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(run(model, order["prompts"], order["tokens"])), flush=True)
    model.close()


if __name__ == "__main__":
    main()
