"""Function calls: schemas made up afresh each time, a request for one of them, for two, or for none; results answered.

Names come from word lists and, in training, from made-up words; other lists are kept back for evaluation, so that
those schemas are new.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from training.chat import Call, Conversation, Turn
from training.data.lists import texts
from training.data.made_up import KEYS, NEW_KEYS, NEW_NOUNS, NEW_VERBS, NOUNS, VERBS, odd_word
from training.data.memory import FILLER
from training.data.words import ADJECTIVES, CITIES, COLOURS, FOODS, NAMES, PLAIN, THINGS

INTEGERS = {
    "amount",
    "level",
    "speed",
    "number",
    "count",
    "limit",
    "price",
    "weight",
    "height",
    "page",
    "minutes",
    "quantity",
} | {
    "pressure",
    "depth",
    "seat",
    "width",
    "volume",
    "duration",
    "priority",
}
NATURAL: tuple[tuple[str, str, dict[str, str], str], ...] = (
    (
        "get_weather",
        "Get the weather for a city.",
        {"location": "city"},
        "What is the weather in {location}?|How is the weather in {location}?|Weather in {location}, please.",
    ),
    (
        "get_current_weather",
        "Get the current weather.",
        {"city": "city"},
        "What is the weather like in {city}?|Is it raining in {city}?",
    ),
    (
        "send_email",
        "Send an email.",
        {"to": "name", "subject": "words"},
        "Send an email to {to} with the subject {subject}.|Write to {to} about {subject}.",
    ),
    (
        "set_timer",
        "Set a timer.",
        {"minutes": "integer"},
        "Set a timer for {minutes} minutes.|Wake me in {minutes} minutes.|Timer, {minutes} minutes.",
    ),
    (
        "search_web",
        "Search the web.",
        {"query": "words"},
        "Search the web for {query}.|Look up {query}.|Find something about {query} on the web.",
    ),
    (
        "add_numbers",
        "Add two integers.",
        {"a": "integer", "b": "integer"},
        "Use the tool to add {a} and {b}.|Add {a} and {b} with the function.",
    ),
    ("get_time", "Get the time in a city.", {"city": "city"}, "What time is it in {city}?|Tell me the time in {city}."),
    ("play_song", "Play a song.", {"title": "words"}, "Play the song {title}.|I want to hear {title}."),
    (
        "turn_on_light",
        "Turn on a light.",
        {"room": "room", "color": "colour"},
        "Turn on the light in the {room} in {color}.|Make the {room} light {color}.",
    ),
    (
        "get_stock_price",
        "Get the price of a stock.",
        {"symbol": "code"},
        "What is the price of {symbol}?|How much is {symbol} stock?",
    ),
    (
        "book_table",
        "Book a table.",
        {"name": "name", "people": "integer"},
        "Book a table for {people} people for {name}.|A table for {people}, name {name}.",
    ),
)
ROOMS = texts("kitchen|bedroom|bathroom|hall|office|garage|living room|attic")


def value(rng: Random, kind: str) -> Any:
    """A value of a kind."""
    if kind == "integer":
        return rng.randrange(1, 10 ** rng.choice((1, 2, 3)))
    if kind == "boolean":
        return rng.random() < 0.5
    if kind == "code":
        return "".join(rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(rng.randint(2, 4)))
    pools = {"city": CITIES, "name": NAMES, "colour": COLOURS, "room": ROOMS, "food": FOODS}
    if kind in pools:
        return rng.choice(pools[kind])
    if kind == "odd":
        return (
            "".join(rng.choice("abcdefghiklmnoprstuvwyz0123456789-") for _ in range(rng.randint(3, 7))).strip("-")
            or "x"
        )
    return " ".join(
        rng.choice((rng.choice(ADJECTIVES), rng.choice(THINGS), rng.choice(PLAIN))) for _ in range(rng.randint(1, 3))
    )


MADE_UP = 0.65
"""Share of names in training that are no word of the lists."""


def one_of(rng: Random, known: list[str], new: bool) -> str:
    """A word of the list; in training more often another one."""
    return odd_word(rng) if not new and rng.random() < MADE_UP else rng.choice(known)


def kind_of(rng: Random, key: str, known: list[str], kinds: tuple[str, ...]) -> str:
    """What a key holds: numbers where its name says so, and now and then where it says nothing."""
    if key in INTEGERS or (key not in known and rng.random() < 0.3):
        return "integer"
    return rng.choice(kinds)


Request = Callable[[Random], tuple[Call, str]]
Pool = tuple[list[str], list[str], list[str]]
"""Verbs and nouns to name functions from, and keys for their parameters."""


def pool_of(rng: Random, new: bool, size: int) -> Pool:
    """`size` verbs and nouns and a few keys: of several functions some share a word, and their keys do not tell them
    apart."""
    lists = (NEW_VERBS, NEW_NOUNS, NEW_KEYS) if new else (VERBS, NOUNS, KEYS)
    verbs, nouns, keys = (
        [one_of(rng, known, new) for _ in range(count)]
        for known, count in zip(lists, (size, size, size + 2), strict=True)
    )
    return verbs, nouns, keys


def natural(rng: Random) -> tuple[dict[str, Any], Request]:
    """A tool as people write them, and what makes requests for it."""
    name, description, kinds, asks = rng.choice(NATURAL)
    properties = {key: {"type": "integer" if kind == "integer" else "string"} for key, kind in kinds.items()}
    if rng.random() < 0.5:
        for key in properties:
            properties[key]["description"] = f"The {key}."
    needed = list(properties)
    if rng.random() < 0.35:
        extra, options = rng.choice(
            (("unit", ["celsius", "fahrenheit"]), ("mode", ["fast", "slow"]), ("format", ["short", "long"]))
        )
        properties[extra] = {"type": "string", "enum": options}

    def request(rng: Random) -> tuple[Call, str]:
        arguments = {key: value(rng, kind) for key, kind in kinds.items()}
        return Call(name, arguments), rng.choice(asks.split("|")).format(**arguments)

    schema = {"type": "object", "properties": properties, "required": needed}
    return {"name": name, "description": description, "parameters": schema}, request


def invented(rng: Random, new: bool, pool: Pool | None = None) -> tuple[dict[str, Any], Request]:
    """A tool put together from words, and what makes requests that name the values."""
    verbs, nouns, keys = pool or pool_of(rng, new, 1)
    verb, noun = rng.choice(verbs), rng.choice(nouns)
    plain = ("words", "words", "name", "city", "colour", "food", "odd")
    known = NEW_KEYS if new else KEYS
    size = rng.randint(1, 3) if new else rng.choice((1, 1, 2, 3))  # few: which function is what is to be learnt
    kinds = {key: kind_of(rng, key, known, plain) for key in (rng.choice(keys) for _ in range(size))}
    properties: dict[str, Any] = {}
    for key, kind in kinds.items():
        properties[key] = {"type": "integer" if kind == "integer" else "string"}
        if rng.random() < 0.5:
            properties[key]["description"] = rng.choice((f"The {key} of the {noun}.", f"The {key}.", f"Which {key}."))
    name = rng.choice((f"{verb}_{noun}", f"{verb}_{noun}", f"{noun}_{verb}", f"{verb}{noun.capitalize()}"))
    article = "an" if noun[0] in "aeiou" else "a"
    description = rng.choice(
        (
            f"{verb.capitalize()} {article} {noun}.",
            f"Use this to {verb} {article} {noun}.",
            f"{verb.capitalize()} the {noun}.",
        )
    )

    def request(rng: Random) -> tuple[Call, str]:
        arguments = {key: value(rng, kind) for key, kind in kinds.items()}
        parts = [f"{key} {arg}" for key, arg in arguments.items()]
        listed = ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else parts[0]
        pairs = ", ".join(f"{key}: {arg}" for key, arg in arguments.items())
        ask = rng.choice(
            (
                f"{verb.capitalize()} {article} {noun} with {listed}.",
                f"Please {verb} the {noun} with {listed}.",
                f"Can you {verb} {article} {noun}? {pairs}",
                f"I want to {verb} {article} {noun}: {pairs}",
                f"{verb.capitalize()} the {noun}, {listed}, please.",
                f"I need you to {verb} {article} {noun} with {listed}.",
            )
        )
        return Call(name, arguments), ask

    schema = {"type": "object", "properties": properties, "required": list(kinds)}
    return {"name": name, "description": description, "parameters": schema}, request


def result_of(rng: Random) -> tuple[str, str, list[str]]:
    """What a function returned, the answer from it, and what the answer must contain."""
    kind = rng.randrange(3)
    keys = rng.sample(
        ["status", "id", "price", "sky", "temperature", "owner", "place", "total", "time", "color", "size"],
        rng.randint(1, 3),
    )
    data = {
        key: rng.choice((rng.randrange(1000), rng.choice(COLOURS), rng.choice(ADJECTIVES), rng.choice(CITIES)))
        for key in keys
    }
    parts = [f"{key} is {arg}" for key, arg in data.items()]
    listed = ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else parts[0]
    if kind == 0:
        text = json.dumps(data)
    elif kind == 1:
        text = "\n".join(f"{key}: {arg}" for key, arg in data.items())
    else:
        word = rng.choice(("done", "ok", "saved", "sent", "not found", "failed", "no access"))
        good = word in ("done", "ok", "saved", "sent")
        return word, f"The function says: {word}." if good else f"That did not work: {word}.", [word]
    return text, f"The {listed}.", [str(arg) for arg in data.values()]


def calling(rng: Random, new: bool = False) -> Conversation:
    """One to three tools; a request that needs one of them (or both); sometimes the result and the answer too.

    In training more requests for the same tools come before it, each called for and answered: a prompt with tools is
    long, and every request in it is one more to learn from.
    """
    pool = pool_of(rng, new, rng.choice((2, 3))) if not new and rng.random() < 0.7 else None
    made = [natural(rng) if rng.random() < 0.2 and not new else invented(rng, new, pool)]
    for _ in range(rng.choice((0, 1, 1, 2))):
        other = natural(rng) if rng.random() < 0.2 and not new else invented(rng, new, pool)
        if other[0]["name"] not in {tool["name"] for tool, _ in made}:
            made.append(other)
    both = len(made) > 1 and rng.random() < 0.12
    asked = [request(rng) for _, request in made[: 1 + both]]
    turns: list[Turn] = []
    for _ in range(0 if new else rng.choice((0, 1, 2, 3))):
        if rng.random() < 0.15:
            turns += [Turn("user", (exchange := rng.choice(FILLER))[0]), Turn("assistant", exchange[1])]
        else:
            call, ask = rng.choice(made)[1](rng)
            turns += answered(rng, [Turn("user", ask), Turn("assistant", "", None, (call,))], 1, False)[0]
    tools = [tool for tool, _ in made]
    rng.shuffle(tools)
    calls = tuple(call for call, _ in asked)
    names = " and ".join(f"`{call.name}`" for call in calls)  # without a blank before it: the tokens of the call
    reasoning = rng.choice(
        (f"I need {names}.", f"The function {names} fits.", f"The user wants this done. I call {names}.")
    )
    thinking = rng.random() < 0.45
    turns += [Turn("user", " Also: ".join(ask for _, ask in asked))]
    turns += [Turn("assistant", "", reasoning if thinking else None, calls)]
    if rng.random() < (0.35 if not new else 0.0):
        turns, keys = answered(rng, turns, len(calls), thinking)
        return Conversation(tuple(turns), tuple(tools), "tool_result", {"all": keys})
    check = {"calls": [{"name": call.name, "arguments": call.arguments} for call in calls]}
    return Conversation(tuple(turns), tuple(tools), "tool_call", check)


def choosing(rng: Random) -> Conversation:
    """Two to five functions and several requests: which of them is meant? Mostly they share verbs, nouns and keys."""
    pool = pool_of(rng, False, 3) if rng.random() < 0.5 else None
    made: dict[str, tuple[dict[str, Any], Request]] = {}
    for _ in range(rng.randint(2, 5)):
        tool, request = invented(rng, False, pool)
        made[tool["name"]] = (tool, request)
    offered = list(made.values())
    turns: list[Turn] = []
    for _ in range(rng.randint(2, 10 - len(offered))):
        call, ask = rng.choice(offered)[1](rng)
        turns += [Turn("user", ask), Turn("assistant", "", None, (call,)), Turn("tool", "ok")]
        turns.append(Turn("assistant", "The function says: ok."))
    call, ask = rng.choice(offered)[1](rng)
    reasoning = f"I need `{call.name}`." if rng.random() < 0.4 else None
    turns += [Turn("user", ask), Turn("assistant", "", reasoning, (call,))]
    check = {"calls": [{"name": call.name, "arguments": call.arguments}]}
    return Conversation(tuple(turns), tuple(tool for tool, _ in offered), "tool_call", check)


def answered(rng: Random, turns: list[Turn], count: int, thinking: bool) -> tuple[list[Turn], list[str]]:
    """The same turns with the results and the final answer, and what that must contain."""
    turns, replies, keys = list(turns), [], []
    for _ in range(count):
        text, reply, key = result_of(rng)
        turns.append(Turn("tool", text))
        replies.append(reply)
        keys += key
    turns.append(Turn("assistant", " ".join(replies), "The result is there. I answer from it." if thinking else None))
    return turns, keys


def calling_new(rng: Random) -> Conversation:
    """Evaluation: schemas from the words kept back."""
    return calling(rng, new=True)


def tool_result(rng: Random) -> Conversation:
    """Evaluation: an answer from a result."""
    tool, request = natural(rng) if rng.random() < 0.3 else invented(rng, True)
    call, ask = request(rng)
    thinking = rng.random() < 0.5
    reasoning = f"I need `{call.name}`." if thinking else None
    turns, keys = answered(rng, [Turn("user", ask), Turn("assistant", "", reasoning, (call,))], 1, thinking)
    return Conversation(tuple(turns), (tool,), "tool_result", {"all": keys})


def bystanders(rng: Random, new: bool = False) -> tuple[dict[str, Any], ...]:
    """One or two tools that a request does not need."""
    made = [
        invented(rng, new)[0] if new or rng.random() < 0.8 else natural(rng)[0] for _ in range(rng.choice((1, 1, 2)))
    ]
    return tuple({tool["name"]: tool for tool in made}.values())
