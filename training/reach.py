"""How far nano finds a fact: `python -m training.reach --gguf nano.gguf`; `--card` writes the table into CARD.md.

Facts of evaluation's seeds are told in the first fifth of a conversation, other things fill it up to a length, and then
each fact is asked for, every question on its own after the same long prompt. Prompts of agent programs, pages of
instructions and functions, end in a greeting or a request for one of the functions. Greedy, thinking off.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from random import Random

from training.chat import Conversation, Turn
from training.data import EVALUATION_SEED
from training.data.long import Facts, agent, other
from training.evaluate import calls_in, greedy, write_mark
from training.llama import Llama, follow
from training.tokenizer import Tokenizer

LENGTHS = (1000, 8000, 30_000)
FACTS = 20
LIMIT = 60


def told(tokenizer: Tokenizer, seed: int, length: int) -> tuple[list[Turn], list[tuple[Turn, str]]]:
    """A conversation of about `length` tokens, and questions with what each answer must hold."""
    rng, facts = Random(seed), Facts()
    count = min(FACTS, length // 100)
    turns: list[Turn] = []
    size = told_so_far = 0
    while size < length - 60:
        early = told_so_far < count and size >= told_so_far * length / 5 / count
        new = facts.tell(rng) if early else other(rng)
        told_so_far += early
        turns += new
        size += len(tokenizer.encode(Conversation((Turn("system", ""), *new)))[0]) - 4
    asked = facts.every(rng)
    return turns, asked


def answers_after(llama: Llama, tokenizer: Tokenizer, turns: list[Turn], asks: list[Turn]) -> tuple[int, list[str]]:
    """Tokens of the first prompt, and what nano says to each of `asks` after `turns`."""
    out, decoded, first = [], list[int](), 0
    for ask in asks:
        prompt = tokenizer.encode(Conversation((*turns, ask)), False)[0]
        first = first or len(prompt)
        out.append(tokenizer.text(follow(llama, prompt, decoded, {0, 2}, LIMIT, greedy)))
        decoded = prompt
    return first, out


def facts_row(llama: Llama, tokenizer: Tokenizer, length: int, rounds: int) -> str:
    """One row of the table."""
    right = asked = tokens = 0
    for at in range(rounds * max(1, 8000 // length) if length < 8000 else rounds):
        turns, questions = told(tokenizer, EVALUATION_SEED + at, length)
        count, said = answers_after(llama, tokenizer, turns, [question for question, _ in questions])
        right += sum(value in text for (_, value), text in zip(questions, said, strict=True))
        asked, tokens = asked + len(questions), max(tokens, count)
    return f"| finds a fact told in the first fifth of {length:,} tokens ({asked}) | {right / asked:.0%} |"


def agent_rows(llama: Llama, tokenizer: Tokenizer, length: int, rounds: int) -> list[str]:
    """Greetings answered in words, and requests answered by a call that is well-formed, of the right name, right."""
    greeted = well = named = whole = 0
    for at in range(rounds):
        size, made = length * 3, None
        while made is None or len(tokenizer.encode(made)[0]) > length:
            made, size = agent(Random(EVALUATION_SEED + at), size), int(size * 0.9)
        calls = [i for i, turn in enumerate(made.turns) if turn.calls]
        system = made.turns[:1]
        kept = replace(made, turns=system)
        asks = [made.turns[i - 1] for i in calls[-4:]]
        hello = [Turn("user", "Say hello")]
        decoded: list[int] = []
        for ask, call in zip((*hello, *asks), (None, *(made.turns[i].calls[0] for i in calls[-4:])), strict=True):
            prompt = tokenizer.encode(replace(kept, turns=(*system, ask)), False)[0]
            text = tokenizer.text(follow(llama, prompt, decoded, {0, 2}, 120, greedy)).removesuffix("<|im_end|>")
            decoded = prompt
            if call is None:
                greeted += "ello" in text
                continue
            got = calls_in(text) or []
            wanted = {"name": call.name, "arguments": {key: str(value) for key, value in call.arguments.items()}}
            well, named = well + bool(got), named + (bool(got) and got[0]["name"] == call.name)
            whole += got == [wanted]
    asked = 4 * rounds
    return [
        f'| an agent\'s prompt of {length:,} tokens: answers "Say hello" ({rounds}) | {greeted / rounds:.0%} |',
        f"| the same, a call well-formed / of the right function / right ({asked}) | "
        f"{well / asked:.0%} / {named / asked:.0%} / {whole / asked:.0%} |",
    ]


def main() -> None:
    """Measure and print; with --card also write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gguf", type=Path, default=Path("src/mimo/nano/nano.gguf"))
    parser.add_argument("--rounds", type=int, default=2, help="long prompts a row")
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS)
    parser.add_argument("--card", type=Path)
    args = parser.parse_args()
    tokenizer = Tokenizer(args.gguf)
    llama = Llama(args.gguf, slots=1, window=max(args.lengths) + 2048)
    rows = ["| measure (greedy, thinking off) | value |", "|---|---|"]
    for length in args.lengths:
        rows.append(facts_row(llama, tokenizer, length, args.rounds))
        print(rows[-1], flush=True)
    for length in args.lengths[1:]:
        rows += agent_rows(llama, tokenizer, length, args.rounds)
        print("\n".join(rows[-2:]), flush=True)
    llama.close()
    if args.card:
        write_mark(args.card, "reach", "\n".join(rows))


if __name__ == "__main__":
    main()
