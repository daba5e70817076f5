"""Long conversations: facts told, many other things, and questions about them a long way back; and prompts as agent
programs send them, with pages of instructions and dozens of functions. Knows the other skills, not tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from training.chat import Conversation, Turn
from training.data.arithmetic import arithmetic
from training.data.contract import contract
from training.data.identity import identity, small_talk
from training.data.json_objects import json_object
from training.data.lists import texts, words
from training.data.made_up import odd_word
from training.data.memory import FILLER, KINDS, NOTED, VALUES
from training.data.people import named
from training.data.refusal import refusal
from training.data.stories import poem, story
from training.data.text import copy, form, pick, reverse, sort, upper
from training.data.tools import answered, invented, natural
from training.data.words import ANIMALS, CITIES, COLOURS, FOODS, NAMES, PLACES, PLAIN, THINGS

OTHERS: tuple[Callable[[Random], Conversation], ...] = (
    *(identity, small_talk, contract, refusal, arithmetic, story, poem),
    *(copy, upper, reverse, sort, pick, form, json_object),
)
PARTS: dict[str, Callable[[Random], str]] = {
    "colour": lambda rng: rng.choice(COLOURS),
    "number": lambda rng: str(rng.randrange(10 ** rng.choice((2, 3, 4)))),
    "place": lambda rng: rng.choice(PLACES),
    "owner": lambda rng: named(rng, False),
    "name": lambda rng: odd_word(rng).capitalize(),
    "code": lambda rng: "".join(rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(rng.randint(3, 5))),
    "city": lambda rng: rng.choice(CITIES),
    "food": lambda rng: rng.choice(FOODS),
}
SAID = texts(
    "The {p} of the {s} is {v}.|Remember that the {p} of the {s} is {v}.|Note: the {p} of the {s} is {v}.|"
    "Please keep in mind: the {p} of the {s} is {v}.|By the way, the {p} of the {s} is {v}."
)
ASKED = texts(
    "What is the {p} of the {s}?|Tell me the {p} of the {s}.|Which {p} does the {s} have?|"
    "Do you remember the {p} of the {s}?|{p} of the {s}?"
)
AGENT = words(
    "the the the a a to to of of in in and and or for with is are not must should only never always when if then this "
    "that user file files code tool tools command commands project directory path test tests change changes output "
    "result error message answer question task list read write edit run use call search find create update delete "
    "before after each every one more than from your you it its by on at as be do have has can may about into over "
    "line lines text string number value values default option options name names type types key keys function "
    "parameter parameters required optional example examples following format context window system prompt request "
    "response model agent assistant help information current working repository branch commit git shell terminal "
    "python json server client version release environment variable security policy instruction instructions "
    "important note warning step steps plan first second last next previous without unless because so however "
    "multiple single complete short concise direct careful ensure avoid prefer allow provide include return check "
    "explain review build install start stop open close"
)
PATHS = words("src tests docs lib bin config data tools app api core utils build main index readme setup")
KEEPS = texts(
    "The name of the project is {v}.|The project is called {v}.|You work in the project {v}.|# Project {v}",
)
PROJECT = texts("What is the project called?|What is the name of the project?|Which project is this?")


def sentence(rng: Random) -> str:
    """Words of instructions in no order that means anything, with names, paths and code among them."""
    out = []
    for _ in range(rng.randint(4, 18)):
        kind = rng.random()
        if kind < 0.72:
            out.append(rng.choice(AGENT))
        elif kind < 0.86:
            out.append(odd_word(rng))
        elif kind < 0.9:
            out.append(rng.choice(PLAIN))
        elif kind < 0.94:
            out.append(f"`{odd_word(rng)}_{rng.choice(AGENT)}`")
        elif kind < 0.97:
            out.append(
                "/" + "/".join(rng.choice(PATHS) for _ in range(rng.randint(1, 4))) + rng.choice(("", ".py", ".md"))
            )
        else:
            out.append(rng.choice((str(rng.randrange(10_000)), f"{odd_word(rng).upper()}", "e.g.", "->", "(optional)")))
    text = " ".join(out)
    return text[0].upper() + text[1:] + rng.choice((".", ".", ".", ":", "!", ""))


def prose(rng: Random, size: int) -> str:
    """About `size` characters of headings, paragraphs, bullets and code."""
    out: list[str] = []
    while sum(map(len, out)) < size:
        kind = rng.random()
        if kind < 0.12:
            out.append("\n" + "#" * rng.randint(1, 3) + " " + " ".join(w.capitalize() for w in rng.sample(AGENT, 2)))
        elif kind < 0.55:
            out.append(" ".join(sentence(rng) for _ in range(rng.randint(1, 4))))
        elif kind < 0.9:
            mark = rng.choice(("- ", "* ", "1. "))
            out += [mark + sentence(rng) for _ in range(rng.randint(2, 6))]
        else:
            body = "\n".join(
                f"{odd_word(rng)} = {odd_word(rng)}({rng.randrange(100)})" for _ in range(rng.randint(1, 4))
            )
            out.append(f"```\n{body}\n```")
    return "\n".join(out)


def other(rng: Random) -> list[Turn]:
    """An exchange about something else, without its reasoning and without another name for the user."""
    made = rng.choice(OTHERS)(rng)
    while made.skill == "small_talk" and any(name in made.turns[0].content for name in NAMES):
        made = small_talk(rng)
    return [replace(turn, reasoning=None, cut=False) for turn in made.turns if turn.role != "system"]


def pondered(rng: Random, turns: list[Turn], reasoning: str) -> tuple[Turn, ...]:
    """The turns, half of the time with reasoning before the last answer."""
    return (*turns[:-1], replace(turns[-1], reasoning=reasoning if rng.random() < 0.5 else None))


class Facts:
    """What was told in a conversation so far: nothing twice, nothing taken back."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], str] = {}
        self.kinds: dict[str, str] = {}

    def tell(self, rng: Random) -> list[Turn]:
        """One more fact and an answer to it."""
        free = [kind for kind in KINDS if kind not in self.kinds]
        if free and rng.random() < 0.3:
            kind = rng.choice(free)
            value = self.kinds[kind] = VALUES[kind](rng)
            said = rng.choice(KINDS[kind][0].split("|")).replace("{v}", value)
            return [
                Turn("user", said[0].upper() + said[1:]),
                Turn("assistant", rng.choice(NOTED).format(k=kind, v=value)),
            ]
        part = rng.choice(list(PARTS))
        subject = rng.choice((*THINGS, *ANIMALS, odd_word(rng), odd_word(rng)))
        if (part, subject) in self.known:
            return self.tell(rng)
        value = self.known[part, subject] = PARTS[part](rng)
        said = rng.choice(SAID).format(p=part, s=subject, v=value)
        return [Turn("user", said), Turn("assistant", rng.choice(("Noted.", "I will remember that.", "Understood.")))]

    def ask(self, rng: Random) -> tuple[list[Turn], str]:
        """A question about any of them, its answer, and what that must hold."""
        return self.about(rng, rng.choice([*self.known, *self.kinds]))

    def every(self, rng: Random) -> list[tuple[Turn, str]]:
        """A question about each fact, and what its answer must hold."""
        asked = [self.about(rng, wanted) for wanted in (*self.known, *self.kinds)]
        return [(turns[0], value) for turns, value in asked]

    def about(self, rng: Random, wanted: tuple[str, str] | str) -> tuple[list[Turn], str]:
        """A question about one fact, its answer, and what that must hold."""
        if isinstance(wanted, tuple):
            part, subject = wanted
            value = self.known[wanted]
            ask = rng.choice(ASKED).format(p=part, s=subject)
            return [
                Turn("user", ask[0].upper() + ask[1:]),
                Turn("assistant", f"The {part} of the {subject} is {value}."),
            ], value
        assert isinstance(wanted, str)
        value = self.kinds[wanted]
        ask = rng.choice(KINDS[wanted][1].split("|"))
        return [Turn("user", ask), Turn("assistant", KINDS[wanted][2].format(v=value))], value


def talk(rng: Random, size: int) -> Conversation:
    """About `size` characters of a conversation that comes back to what was said at any distance."""
    facts, turns = Facts(), []
    length, new = 0, []
    while length < size:
        kind = rng.random()
        if kind < 0.25 or not (facts.known or facts.kinds):
            new = facts.tell(rng)
        else:
            new = facts.ask(rng)[0] if kind < 0.6 else other(rng)
        turns += new
        length += sum(len(turn.content) + 40 for turn in new)
    turns += facts.ask(rng)[0]
    return Conversation(pondered(rng, turns, f"The user told me. {turns[-1].content}"), skill="long")


def described(rng: Random, tool: dict[str, Any], size: int) -> dict[str, Any]:
    """A function with a page of description and more parameters that nobody needs."""
    schema = dict(tool["parameters"])
    properties = dict(schema["properties"])
    for _ in range(rng.randint(0, 3)):
        extra: dict[str, Any] = {"type": rng.choice(("string", "boolean", "integer", "array"))}
        extra["description"] = sentence(rng)
        if extra["type"] == "array":
            extra["items"] = {"type": "object", "properties": {odd_word(rng): {"type": "string"}}}
        properties.setdefault(odd_word(rng), extra)
    schema["properties"] = properties
    if rng.random() < 0.5:
        schema["additionalProperties"] = False
    text = tool["description"] + ("\n\n" + prose(rng, size) if size else "")
    return {"name": tool["name"], "description": text, "parameters": schema}


def agent(rng: Random, size: int) -> Conversation:
    """A prompt of about `size` characters as an agent program makes it, then requests, most of them short."""
    project = odd_word(rng)
    made = [natural(rng) if rng.random() < 0.15 else invented(rng, False) for _ in range(rng.randint(3, 12))]
    made = list({tool["name"]: (tool, request) for tool, request in made}.values())
    share = rng.choice((0.2, 0.5, 0.8))
    pages = rng.choice((0.2, 0.4, 0.6)) * size
    tools = tuple(described(rng, tool, int(pages * share / len(made))) for tool, _ in made)
    blocks = [prose(rng, int(pages * (1 - share) / 2)) for _ in range(2)]
    system = rng.choice(KEEPS).format(v=project).join((blocks[0] + "\n", "\n" + blocks[1]))
    turns = [Turn("system", "You are a coding assistant.\n" + system)]
    facts, length = Facts(), 0
    while length < size - pages:
        kind = rng.random()
        if kind < 0.12:
            new = [Turn("user", rng.choice(PROJECT)), Turn("assistant", f"The project is called {project}.")]
        elif kind < 0.5:
            call, ask = rng.choice(made)[1](rng)
            new = answered(rng, [Turn("user", ask), Turn("assistant", "", None, (call,))], 1, False)[0]
        elif kind < 0.62:
            ask, reply = rng.choice(FILLER)
            new = [Turn("user", ask), Turn("assistant", reply)]
        elif kind < 0.75 or not (facts.known or facts.kinds):
            new = facts.tell(rng)
        else:
            new = facts.ask(rng)[0] if kind < 0.88 else other(rng)
        if rng.random() < 0.15:
            note = f"<system-reminder>\n{prose(rng, 150)}\n</system-reminder>\n"
            new = [replace(new[0], content=note + new[0].content), *new[1:]]
        turns += new
        length += sum(len(turn.content) + 40 for turn in new)
    if rng.random() < 0.5:
        call, ask = rng.choice(made)[1](rng)
        return Conversation(
            pondered(rng, [*turns, Turn("user", ask), Turn("assistant", "", None, (call,))], f"I need `{call.name}`."),
            tools,
            "agent",
        )
    ask, reply = rng.choice(FILLER)
    last = [Turn("user", ask), Turn("assistant", reply)]
    return Conversation(pondered(rng, turns + last, "No function is needed. I answer."), tools, "agent")
