"""Function calls: schemas made up afresh each time, a request for one of them, for two, or for none; results answered.

Names come from two word lists: one for training, one kept back for evaluation, so that those schemas are new.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

from training.chat import Call, Conversation, Turn
from training.data.lists import texts, words
from training.data.words import ADJECTIVES, CITIES, COLOURS, FOODS, NAMES, PLAIN, THINGS

VERBS = words(
    "get find create delete send open close start stop add remove update check book order buy sell show list "
    "search read write move copy save load print scan lock play pause count rate share mark post track plan draw "
    "ring store"
)
NOUNS = words(
    "user file room ticket order song light door alarm timer note task event meeting message mail photo report "
    "invoice table flight hotel taxi robot pump valve camera sensor package account product price stock recipe "
    "lesson score game page video folder key map route train"
)
KEYS = words(
    "name city location date time title text color size amount level speed owner place topic label target source "
    "subject kind mode group street number code count limit price weight height page user file query status unit "
    "priority duration quantity minutes"
)
# kept back: evaluation only
NEW_VERBS = words("cancel reserve paint repair water measure launch fetch publish invite translate rename archive feed")
NEW_NOUNS = words("boat garden parcel concert drone bicycle oven fence playlist contract heater locker ferry library")
NEW_KEYS = words("colour pressure author recipient depth region language brand seat width reason nickname shelf volume")
KEPT_BACK = {*NEW_VERBS, *NEW_NOUNS, *NEW_KEYS}
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


STARTS = words(
    "b br c ch cl cr d dr f fl fr g gl gr h j k l m n p ph pl pr qu r s sc sh sl sp st str sw t th tr v w wh y"
)
MIDDLES = words("a e i o u ai au ea ee ia ie io oa oi oo ou ua")
ENDS = ["", "", "", *words("b ck ct d f g l ld ll lt m n nce nd ng nt p r rd rt s sh sk ss st t tch te th ve x")]


def odd_word(rng: Random) -> str:
    """A made-up word of any shape, so that names are copied piece by piece and not remembered."""
    while True:
        parts = (rng.choice(STARTS) + rng.choice(MIDDLES) + rng.choice(ENDS) for _ in range(rng.choice((1, 2, 2, 3))))
        if len(made := "".join(parts)) > 2 and made not in KEPT_BACK:
            return made


def one_of(rng: Random, known: list[str], new: bool) -> str:
    """A word of the list; in training as often a made-up one."""
    return odd_word(rng) if not new and rng.random() < 0.5 else rng.choice(known)


def natural(rng: Random) -> tuple[dict[str, Any], Call, str]:
    """A tool as people write them, a call, and a request for it."""
    name, description, kinds, asks = rng.choice(NATURAL)
    properties = {key: {"type": "integer" if kind == "integer" else "string"} for key, kind in kinds.items()}
    if rng.random() < 0.5:
        for key in properties:
            properties[key]["description"] = f"The {key}."
    arguments = {key: value(rng, kind) for key, kind in kinds.items()}
    needed = list(properties)
    if rng.random() < 0.35:
        extra, options = rng.choice(
            (("unit", ["celsius", "fahrenheit"]), ("mode", ["fast", "slow"]), ("format", ["short", "long"]))
        )
        properties[extra] = {"type": "string", "enum": options}
    schema = {"type": "object", "properties": properties, "required": needed}
    ask = rng.choice(asks.split("|")).format(**arguments)
    return {"name": name, "description": description, "parameters": schema}, Call(name, arguments), ask


def invented(rng: Random, new: bool) -> tuple[dict[str, Any], Call, str]:
    """A tool put together from words, a call, and a request that names the values."""
    verbs, nouns, keys = (NEW_VERBS, NEW_NOUNS, NEW_KEYS) if new else (VERBS, NOUNS, KEYS)
    verb, noun = one_of(rng, verbs, new), one_of(rng, nouns, new)
    chosen = list(dict.fromkeys(one_of(rng, keys, new) for _ in range(rng.randint(1, 3))))
    properties: dict[str, Any] = {}
    arguments: dict[str, Any] = {}
    for key in chosen:
        kind = "integer" if key in INTEGERS else rng.choice(("words", "words", "name", "city", "colour", "food", "odd"))
        properties[key] = {"type": "integer" if kind == "integer" else "string"}
        if rng.random() < 0.5:
            properties[key]["description"] = rng.choice((f"The {key} of the {noun}.", f"The {key}.", f"Which {key}."))
        arguments[key] = value(rng, kind)
    name = rng.choice((f"{verb}_{noun}", f"{verb}_{noun}", f"{noun}_{verb}", f"{verb}{noun.capitalize()}"))
    article = "an" if noun[0] in "aeiou" else "a"
    description = rng.choice(
        (
            f"{verb.capitalize()} {article} {noun}.",
            f"Use this to {verb} {article} {noun}.",
            f"{verb.capitalize()} the {noun}.",
        )
    )
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
    schema = {"type": "object", "properties": properties, "required": chosen}
    return {"name": name, "description": description, "parameters": schema}, Call(name, arguments), ask


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
    """One or two tools; a request that needs one of them (or both); sometimes the result and the answer too."""
    made = [natural(rng) if rng.random() < 0.3 and not new else invented(rng, new)]
    for _ in range(rng.choice((0, 1, 1, 2))):
        other = natural(rng) if rng.random() < 0.3 and not new else invented(rng, new)
        if other[0]["name"] not in {tool[0]["name"] for tool in made}:
            made.append(other)
    wanted = made[:2] if len(made) > 1 and rng.random() < 0.12 else made[:1]
    tools = [tool[0] for tool in made]
    rng.shuffle(tools)
    calls = tuple(tool[1] for tool in wanted)
    ask = " Also: ".join(tool[2] for tool in wanted)
    names = " and ".join(call.name for call in calls)
    reasoning = rng.choice(
        (f"I need {names}.", f"The function {names} fits.", f"The user wants this done. I call {names}.")
    )
    thinking = rng.random() < 0.45
    turns = [Turn("user", ask), Turn("assistant", "", reasoning if thinking else None, calls)]
    check: dict[str, Any] = {"calls": [{"name": call.name, "arguments": call.arguments} for call in calls]}
    skill = "tool_call"
    if rng.random() < (0.35 if not new else 0.0):
        return answered(rng, turns, tools, len(calls), thinking)
    return Conversation(tuple(turns), tuple(tools), skill, check)


def answered(rng: Random, turns: list[Turn], tools: list[dict[str, Any]], count: int, thinking: bool) -> Conversation:
    """The same with the results and the final answer."""
    replies, keys = [], []
    for _ in range(count):
        text, reply, key = result_of(rng)
        turns.append(Turn("tool", text))
        replies.append(reply)
        keys += key
    turns.append(Turn("assistant", " ".join(replies), "The result is there. I answer from it." if thinking else None))
    return Conversation(tuple(turns), tuple(tools), "tool_result", {"all": keys})


def calling_new(rng: Random) -> Conversation:
    """Evaluation: schemas from the words kept back."""
    return calling(rng, new=True)


def tool_result(rng: Random) -> Conversation:
    """Evaluation: an answer from a result."""
    _, call, ask = made = natural(rng) if rng.random() < 0.3 else invented(rng, True)
    thinking = rng.random() < 0.5
    reasoning = f"I need {call.name}." if thinking else None
    return answered(rng, [Turn("user", ask), Turn("assistant", "", reasoning, (call,))], [made[0]], 1, thinking)


def bystanders(rng: Random, new: bool = False) -> tuple[dict[str, Any], ...]:
    """One or two tools that a request does not need."""
    made = [
        invented(rng, new)[0] if new or rng.random() < 0.8 else natural(rng)[0] for _ in range(rng.choice((1, 1, 2)))
    ]
    return tuple({tool["name"]: tool for tool in made}.values())
