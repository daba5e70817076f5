"""The skills and how much of the training text each is: the one place to add a skill.

A generator is `make(rng) -> Conversation`. Training draws from seeds below EVALUATION_SEED, evaluation from it upward.
`conversations` then varies what they make: another system prompt, an earlier exchange, tools nobody needs, reasoning
cut short as a budget does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

from training.chat import Conversation, Turn
from training.data.arithmetic import arithmetic
from training.data.contract import contract, contract_new
from training.data.identity import identity, identity_new, small_talk
from training.data.json_objects import json_new, json_object
from training.data.lists import texts
from training.data.long import agent, talk
from training.data.memory import memory
from training.data.people import person, person_new
from training.data.refusal import refusal, refusal_new, unable
from training.data.stories import plain_text, poem, story
from training.data.text import copy, count, form, pick, reverse, sort, upper
from training.data.tools import bystanders, calling, calling_new, choosing, tool_result

LONG: tuple[tuple[Callable[[Random, int], Conversation], float], ...] = ((talk, 0.55), (agent, 0.45))
"""What fills long rows, and its share; each takes a length in characters."""
EVALUATION_SEED = 1_000_000_000

Generator = Callable[[Random], Conversation]

SKILLS: dict[str, tuple[Generator, float]] = {
    "story": (story, 3.0),
    "poem": (poem, 2.5),
    "plain_text": (plain_text, 0.5),
    "identity": (identity, 3.5),
    "small_talk": (small_talk, 2.0),
    "contract": (contract, 6.0),
    "refusal": (refusal, 4.0),
    "arithmetic": (arithmetic, 12.0),
    "copy": (copy, 9.0),
    "upper": (upper, 3.0),
    "reverse": (reverse, 10.0),
    "count": (count, 8.0),
    "sort": (sort, 22.0),
    "pick": (pick, 2.0),
    "memory": (memory, 6.0),
    "tools": (calling, 9.0),
    "json": (json_object, 22.0),
    "form": (form, 5.0),
    "no function": (unable, 2.0),
    "choose": (choosing, 14.0),
    "person": (person, 40.0),
}


def unneeded(rng: Random) -> Conversation:
    """Evaluation: something nano does by itself, with new functions on offer that it must not call."""
    make = rng.choice((identity, contract, copy, arithmetic, reverse, memory, story))
    return replace(make(rng), tools=bystanders(rng, new=True), skill="tool_none", check={"no_call": True})


# what evaluation asks instead, where training must not have seen the words
HELD_OUT: dict[str, Generator] = {
    "contract, new wordings": contract_new,
    "identity, new wordings": identity_new,
    "refusal, new questions": refusal_new,
    "tool_call, new schemas": calling_new,
    "tool_result, new schemas": tool_result,
    "tools offered, none needed": unneeded,
    "json, new keys": json_new,
    "names in objects, new names": person_new,
}


SYSTEMS = texts(
    "You are a helpful assistant.|You are MiMo.|Be brief.|You are a friendly assistant.|Answer in English.|"
    "You are nano.|Help the user.|You are an assistant that answers questions.|Be kind and short.|"
    "You are a test model.|Follow the user's instructions.|Think before you answer."
)


def varied(rng: Random, conversation: Conversation, others: list[Conversation]) -> Conversation:
    """The variations, each by chance, in this order."""
    if any(made.turns[0].role == "text" for made in (conversation, *others)):
        return conversation
    turns = list(conversation.turns)
    if SKILLS["tools"][1] and not conversation.tools and rng.random() < 0.025:
        conversation = replace(conversation, tools=bystanders(rng))
    elif not conversation.tools and rng.random() < 0.15:
        for other in others[: rng.choice((1, 1, 1, 2, 3))]:
            earlier = [replace(turn, reasoning=None) for turn in other.turns]
            if not other.tools and sum(len(turn.content) for turn in earlier) < 300:
                turns = earlier + turns
    if turns[-1].reasoning and len(turns[-1].reasoning) > 4 and rng.random() < 0.08:
        kept = turns[-1].reasoning[: rng.randrange(1, len(turns[-1].reasoning))]
        turns[-1] = replace(turns[-1], reasoning=kept, cut=True)
    if rng.random() < 0.25:
        turns.insert(0, Turn("system", rng.choice(SYSTEMS)))
    return replace(conversation, turns=tuple(turns))


def conversations(first: int, count: int) -> Iterator[Conversation]:
    """Conversation i comes from seed first + i alone, so any part of the corpus can be made anywhere."""
    names = list(SKILLS)
    weights = [SKILLS[name][1] for name in names]
    for seed in range(first, first + count):
        rng = Random(seed)
        made, *others = (SKILLS[name][0](rng) for name in rng.choices(names, weights, k=4))
        yield varied(rng, made, others)


def long_conversation(seed: int, size: int) -> Conversation:
    """One of about `size` characters."""
    rng = Random(f"long {seed}")
    makes, weights = zip(*LONG, strict=True)
    made: Conversation = rng.choices(makes, weights)[0](rng, size)
    return made
