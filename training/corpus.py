"""Generated conversations, tokenised and packed into rows. `python -m training.corpus --help`.

Three row lengths: short conversations share rows of 256; a longer one has a row of its own, which short ones fill up.
A row holds whole conversations; `document` tells them apart and positions begin at 0 in each, as when serving.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from training.config import SIZES
from training.data import EVALUATION_SEED, conversations, long_conversation
from training.tokenizer import Tokenizer, learn, read, texts_of

ROWS = (256, 512, 768, 1024)
CHARACTERS = 4.0
"""Of a long conversation, a token, at first; where that is too long it is made again, shorter."""

Items = list[tuple[np.ndarray, np.ndarray]]  # ids and learnt flags of conversations


def encoded(job: tuple[Path, int, int]) -> Items:
    """Ids and learnt flags of `count` conversations from seed `first`."""
    path, first, count = job
    tokenizer = Tokenizer(path)
    out = []
    for conversation in conversations(first, count):
        ids, learnt = tokenizer.encode(conversation)
        out.append((np.array(ids, np.uint16), np.array(learnt, bool)))
    return out


def long_row(job: tuple[Path, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Ids and learnt flags of one conversation, filled up to `length` tokens."""
    path, seed, length = job
    tokenizer, size = Tokenizer(path), length * CHARACTERS
    ids, learnt = tokenizer.encode(long_conversation(seed, int(size)))
    while len(ids) > length:
        size *= 0.97 * length / len(ids)
        ids, learnt = tokenizer.encode(long_conversation(seed, int(size)))
    row, flags = np.zeros(length, np.uint16), np.zeros(length, bool)
    row[: len(ids)], flags[: len(ids)] = ids, learnt
    return row, flags


def build_long(path: Path, first: int, count: int, length: int, processes: int) -> dict[str, np.ndarray]:
    """`count` rows of one long conversation each."""
    with ProcessPoolExecutor(processes) as pool:
        rows = list(pool.map(long_row, [(path, seed, length) for seed in range(first, first + count)], chunksize=8))
    tokens, learnt = (np.stack(part) for part in zip(*rows, strict=True))
    print(f"{count} rows of {length}, {(tokens > 0).mean():.0%} full, {learnt.mean():.0%} learnt")
    return {"tokens": tokens, "learnt": learnt}


def together(short: Items, long: Items) -> dict[int, list[Items]]:
    """Rows by length: each long conversation's, filled up with short ones; then the other short ones by first fit."""
    rest, rows = iter(short), {length: [] for length in ROWS}
    waiting = next(rest, None)
    for item in long:
        length = next(length for length in ROWS if length >= len(item[0]))
        row, room = [item], length - len(item[0])
        while waiting is not None and len(waiting[0]) <= room:
            row.append(waiting)
            room, waiting = room - len(waiting[0]), next(rest, None)
        rows[length].append(row)
    still: list[tuple[int, Items]] = []
    for item in [*([waiting] if waiting is not None else []), *rest]:
        for slot, (room, row) in enumerate(still):
            if room >= len(item[0]):
                row.append(item)
                still[slot] = (room - len(item[0]), row)
                break
        else:
            if len(still) == 32:
                fullest = min(range(32), key=lambda s: still[s][0])
                rows[ROWS[0]].append(still.pop(fullest)[1])
            still.append((ROWS[0] - len(item[0]), [item]))
    rows[ROWS[0]] += [row for _, row in still]
    return rows


def pack(rows: list[Items], length: int) -> dict[str, np.ndarray]:
    """Arrays of the rows: tokens [rows, length], learnt, document (0 is padding)."""
    out = {
        "tokens": np.zeros((len(rows), length), np.uint16),
        "learnt": np.zeros((len(rows), length), bool),
        "document": np.zeros((len(rows), length), np.uint8),
    }
    for r, row in enumerate(rows):
        at = 0
        for d, (ids, learnt) in enumerate(row):
            out["tokens"][r, at : at + len(ids)] = ids
            out["learnt"][r, at : at + len(ids)] = learnt
            out["document"][r, at : at + len(ids)] = d + 1
            at += len(ids)
    return out


def build(path: Path, first: int, count: int, processes: int) -> dict[str, np.ndarray]:
    """All rows of both lengths."""
    assert first + count <= EVALUATION_SEED
    jobs = [(path, at, min(2000, first + count - at)) for at in range(first, first + count, 2000)]
    items = []
    with ProcessPoolExecutor(processes) as pool:
        for done, part in enumerate(pool.map(encoded, jobs)):
            items += part
            print(f"\r{done + 1}/{len(jobs)} blocks of conversations", end="", flush=True)
    print()
    short = [item for item in items if len(item[0]) <= ROWS[0]]
    long = [item for item in items if ROWS[0] < len(item[0]) <= ROWS[-1]]
    dropped = len(items) - len(short) - len(long)
    out = {}
    for length, rows in together(short, long).items():
        out |= {f"{key}_{length}": value for key, value in pack(rows, length).items()}
        count, tokens = sum(map(len, rows)), sum(len(ids) for row in rows for ids, _ in row)
        print(f"{count} conversations, {tokens} tokens in {len(rows)} rows of {length}")
    print(f"{dropped} too long, left out")
    return out


def main() -> None:
    """Tokenizer (unless it is there) and corpus."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("training/out"))
    parser.add_argument("--size", choices=SIZES, default="cpu")
    parser.add_argument("--conversations", type=int, default=250_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--from", dest="source", type=Path, help="a GGUF whose tokenizer is taken")
    parser.add_argument("--long", type=int, default=0, help="make long.npz instead: rows of this many tokens")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "tokenizer.json"
    if args.source:
        path.write_text(read(args.source), "utf-8")
    if args.long:
        np.savez(args.out / "long.npz", **build_long(path, args.first, args.conversations, args.long, args.processes))
        return
    if not path.exists():
        texts = (text for c in conversations(args.first, min(args.conversations, 40_000)) for text in texts_of(c))
        path.write_text(learn(texts, SIZES[args.size].vocabulary), "utf-8")
    np.savez(args.out / "corpus.npz", **build(path, args.first, args.conversations, args.processes))


if __name__ == "__main__":
    main()
