"""Held-out evaluation of a GGUF over llama.cpp: `python -m training.evaluate --gguf src/mimo/nano/nano.gguf`.

Seeds begin at EVALUATION_SEED, where training ends. Greedy, but for the rows that say otherwise. Every row of the
table is a share of `--count` conversations; `--card` writes table, size and hash into CARD.md between its marks.
It knows the conversations' `check`, not how they are made.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from training.chat import Conversation, Turn
from training.data import EVALUATION_SEED, HELD_OUT, SKILLS
from training.llama import Llama, answers
from training.tokenizer import Tokenizer

LIMIT = 400
# a value never holds its own end: with `.*?` in its place a malformed call takes exponential time
CALL = re.compile(
    r"<tool_call>\n<function=([^>\n]+)>\n"
    r"((?:<parameter=[^>\n]+>(?:(?!</parameter>).)*</parameter>\n)*)</function>\n</tool_call>",
    re.S,
)
PARAMETER = re.compile(r"<parameter=([^>\n]+)>(.*?)</parameter>\n", re.S)


BEGUN = ("names in objects, new names",)
"""Rows whose answers are begun for the model, so that it has no turn to think in."""


@dataclass(slots=True)
class Case:
    """A prompt, what is expected, and what came; `begun` is the part of the answer that a schema wrote."""

    prompt: list[int]
    thinking: bool
    check: dict[str, Any]
    begun: str = ""
    ids: list[int] | None = None
    entropy: float = 0.0


def cases_of(
    make: Callable[[Random], Conversation], tokenizer: Tokenizer, thinking: bool, count: int, offset: int
) -> list[Case]:
    """`count` prompts of one generator with thinking on or off; those without a right answer have an empty check."""
    out: list[Case] = []
    seed = EVALUATION_SEED + offset
    while len(out) < count:
        made, seed = make(Random(seed)), seed + 1
        if made.turns[0].role == "text" or ("calls" in made.check) != (made.skill == "tool_call"):
            continue
        begun = made.turns[-1].forced
        if thinking and begun:
            continue
        before = replace(made, turns=made.turns[:-1])
        if not thinking:
            before = replace(before, turns=tuple(replace(turn, reasoning=None) for turn in before.turns))
        prompt = tokenizer.encode(before, thinking)[0] + tokenizer.bpe.encode(begun).ids
        out.append(Case(prompt, thinking, made.check, begun))
    return out


def run(llama: Llama, tokenizer: Tokenizer, cases: list[Case], choose: Callable[[np.ndarray, int], int]) -> None:
    """Fills in what came."""
    stop = {tokenizer.special["<|im_end|>"], tokenizer.special["<|endoftext|>"]}
    for index, ids, entropy in answers(llama, [case.prompt for case in cases], stop, LIMIT, choose):
        cases[index].ids, cases[index].entropy = ids, entropy


def greedy(logits: np.ndarray, index: int) -> int:
    """The best token."""
    return int(logits.argmax())


def drawn(temperature: float, top_p: float, seed: int) -> Callable[[np.ndarray, int], int]:
    """Temperature, then the nucleus, then a draw."""
    rng = np.random.default_rng(seed)

    def choose(logits: np.ndarray, index: int) -> int:
        weight = np.exp((logits - logits.max()).astype(np.float64) / temperature)
        weight /= weight.sum()
        order = np.argsort(-weight, kind="stable")
        kept = order[: int(np.searchsorted(np.cumsum(weight[order]), top_p)) + 1]
        return int(rng.choice(kept, p=weight[kept] / weight[kept].sum()))

    return choose


def visible(case: Case, tokenizer: Tokenizer) -> str | None:
    """The answer after the reasoning, without the end token; None where the form is wrong."""
    assert case.ids is not None
    ids, think, close = case.ids, tokenizer.special["<think>"], tokenizer.special["</think>"]
    if case.thinking:
        if ids[0] != think or ids.count(close) != 1 or ids.count(think) != 1:
            return None
        ids = ids[ids.index(close) + 1 :]
    elif think in ids or close in ids:
        return None
    return case.begun + tokenizer.text([i for i in ids if i != tokenizer.special["<|im_end|>"]])


def ended(case: Case, tokenizer: Tokenizer) -> bool:
    """The model ended its turn."""
    assert case.ids is not None
    return case.ids[-1] == tokenizer.special["<|im_end|>"]


def calls_in(text: str) -> list[dict[str, Any]] | None:
    """The calls, if the text is nothing but well-formed ones."""
    return (
        None
        if CALL.sub("", text) or not text
        else [{"name": n, "arguments": dict(PARAMETER.findall(body))} for n, body in CALL.findall(text)]
    )


def right(text: str | None, check: dict[str, Any]) -> bool:
    """Whether an answer passes."""
    if text is None or not text:
        return False
    if "exact" in check:
        return text == check["exact"]
    if "all" in check:
        return all(key in text for key in check["all"])
    if "any" in check:
        return any(key in text for key in check["any"])
    if "number" in check:
        return (re.findall(r"-?\d+", text.replace(" - ", " minus ")) or [""])[-1] == check["number"]
    if "no_call" in check:
        return "<tool_call>" not in text
    if "calls" in check:
        wanted = [
            {"name": c["name"], "arguments": {k: str(v) for k, v in c["arguments"].items()}} for c in check["calls"]
        ]
        return calls_in(text) == wanted
    if "json" in check:
        return parsed(text) == check["json"]
    return True


def parsed(text: str) -> Any:
    """JSON, or None."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def skills_table(llama: Llama, tokenizer: Tokenizer, count: int) -> tuple[list[tuple[str, str, str]], list[Case]]:
    """Rows (skill, thinking off, thinking on) of the checked skills, and all cases."""
    rows, everything = [], []
    names = {name: make for name, (make, _) in SKILLS.items()} | HELD_OUT
    for number, (name, make) in enumerate(names.items()):
        cells = []
        for thinking in (False, True):
            if name in ("plain_text", "tools", "json", "choose"):
                continue
            if thinking and name in BEGUN:
                cells.append("")
                continue
            cases = cases_of(make, tokenizer, thinking, count, 10_000 * number)
            run(llama, tokenizer, cases, greedy)
            everything += cases
            checked = [case for case in cases if case.check]
            good = sum(right(visible(case, tokenizer), case.check) for case in checked)
            cells.append(f"{good / len(checked):.1%}" if checked else "")
            if "calls" in (checked[0].check if checked else {}):
                formed = sum(calls_in(visible(case, tokenizer) or "") is not None for case in checked)
                cells[-1] += f" ({formed / len(checked):.1%} well-formed)"
            if "json" in (checked[0].check if checked else {}):
                valid = sum(isinstance(parsed(visible(case, tokenizer) or ""), dict) for case in checked)
                cells[-1] += f" ({valid / len(checked):.1%} valid)"
        print(name, cells, flush=True)
        if any(cells):
            rows.append((name, cells[0], cells[1]))
    return rows, everything


def budget_cases(tokenizer: Tokenizer, done: list[Case]) -> list[Case]:
    """Prompts whose reasoning is cut half-way by a forced `</think>`."""
    out = []
    close = tokenizer.special["</think>"]
    for case in done:
        if case.thinking and case.ids is not None and close in case.ids and case.ids.index(close) > 4:
            out.append(Case(case.prompt + case.ids[: case.ids.index(close) // 2] + [close], False, case.check))
    return out


def spread(llama: Llama, tokenizer: Tokenizer, temperature: float, count: int) -> tuple[float, float, list[Case]]:
    """Stories and poems at a temperature: raw entropy in bits a token, and the share of distinct three-word runs."""
    asks = [
        "Tell me a story.",
        "Write a poem.",
        "Tell me a story about a fox.",
        "Write a short story about the river.",
        "Write a poem about a lamp.",
    ]
    cases = [
        Case(tokenizer.encode(Conversation((Turn("user", asks[i % len(asks)]),)), False)[0], False, {})
        for i in range(count)
    ]
    run(llama, tokenizer, cases, drawn(temperature, 0.95, 7))
    words = [(visible(case, tokenizer) or "").split() for case in cases]
    runs = [run_ for text in words for run_ in zip(text, text[1:], text[2:], strict=False)]
    bits = sum(case.entropy for case in cases) / sum(len(case.ids or []) for case in cases)
    return bits, len(set(runs)) / max(1, len(runs)), cases


def report(gguf: Path, tokenizer: Tokenizer, count: int) -> str:
    """The table as Markdown."""
    llama = Llama(gguf, slots=8, window=1280)  # the longest prompt and LIMIT
    rows, done = skills_table(llama, tokenizer, count)
    out = ["| skill (greedy) | thinking off | thinking on |", "|---|---|---|"]
    out += [f"| {name} | {off} | {on} |" for name, off, on in rows]
    formed = [visible(case, tokenizer) is not None and ended(case, tokenizer) for case in done]
    stops = [ended(case, tokenizer) for case in done]
    cut = budget_cases(tokenizer, done)[: 5 * count]
    run(llama, tokenizer, cut, greedy)
    answered = [bool(visible(case, tokenizer)) and ended(case, tokenizer) for case in cut]
    hot, many, sampled = spread(llama, tokenizer, 1.0, count)
    cold, few, _ = spread(llama, tokenizer, 0.2, count)
    mixed = cases_of(
        lambda rng: SKILLS[rng.choice([n for n in SKILLS if n != "plain_text"])][0](rng),
        tokenizer,
        True,
        2 * count,
        900_000,
    )
    run(llama, tokenizer, mixed, drawn(1.0, 0.95, 8))
    ends = [ended(case, tokenizer) for case in sampled + mixed]
    out += [
        "",
        "| measure | value |",
        "|---|---|",
        f"| ends its turn by itself, greedy, all of the above ({len(stops)}) | {np.mean(stops):.2%} |",
        f"| ends its turn by itself, temperature 1, top_p 0.95 ({len(ends)}) | {np.mean(ends):.2%} |",
        f"| form right: think tags as asked, turn ended ({len(formed)}) | {np.mean(formed):.2%} |",
        f"| reasoning cut by a forced `</think>`: answers and ends ({len(cut)}) | {np.mean(answered):.2%} |",
        f"| stories and poems, temperature 1, top_p 0.95: entropy, bits a token | {hot:.2f} |",
        f"| the same, distinct three-word runs | {many:.0%} |",
        f"| stories and poems, temperature 0.2: distinct three-word runs | {few:.0%} |",
    ]
    llama.close()
    print(f"entropy along the text at 0.2: {cold:.2f}")
    return "\n".join(out)


def write_card(card: Path, gguf: Path, table: str) -> None:
    """Replaces what stands between the card's marks."""
    data = gguf.read_bytes()
    facts = f"- size: {len(data)} bytes\n- sha256: `{hashlib.sha256(data).hexdigest()}`"
    write_mark(card, "file", facts)
    write_mark(card, "evaluation", table)


def write_mark(card: Path, mark: str, new: str) -> None:
    """Replaces what stands between one pair of marks."""
    pattern = re.compile(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", re.S)
    text, count = pattern.subn(lambda found: f"{found[1]}{new}\n{found[2]}", card.read_text("utf-8"))
    assert count == 1, f"{card} has no marks for {mark}"
    card.write_text(text, "utf-8")


def main() -> None:
    """Evaluate and print; with --card also write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gguf", type=Path, default=Path("src/mimo/nano/nano.gguf"))
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--card", type=Path)
    args = parser.parse_args()
    began = time.monotonic()
    table = report(args.gguf, Tokenizer(args.gguf), args.count)
    print(table)
    print(f"{time.monotonic() - began:.0f} s")
    if args.card:
        write_card(args.card, args.gguf, table)


if __name__ == "__main__":
    main()
