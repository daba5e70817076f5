"""People in a text, as JSON: who it is about, how old, from where. Knows names and sentences.

A server that holds an answer to a schema writes its marks itself, and nothing in the request need say JSON. So in part
of the conversations the beginning is `forced`: the model did not write it and goes on from it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random
from typing import Any

from training.chat import Conversation, Turn
from training.data.lists import texts, words
from training.data.made_up import BANK, odd_word
from training.data.words import ADJECTIVES, ANIMALS, CITIES, COLOURS, FOODS, NAMES, PLACES, THINGS

SENTENCES = texts(
    "My name is {name}.|My name is {name} and I live in {city}.|I am {name}, {age} years old.|"
    "{name} is {age} years old.|{name} lives in {city}.|{name} lives in {city} and likes {food}.|"
    "Hi, I am {name} from {city}.|"
    "{name} is {age} and comes from {city}.|Yesterday {name} bought a {thing} in {city}.|"
    "There is a {thing} that belongs to {name}.|{name} has a {animal} and a {thing}.|The {thing} was sent by {name}.|"
    "Call me {name}.|This is {name}, who is {age} years old and has a {colour} {animal}.|"
    "{age} years old, {name} still lives in {city}.|In {city} I met {name}, who likes {food}.|"
    "We met {name} in {city}.|The user {name} is {age} and likes {colour}."
)
FRAMES = texts(
    "{name} {did} the {thing} {where}.|The {thing} {where} belongs to {name}.|{when} {name} {did} a {colour} {thing}.|"
    "I {saw} {name} {where}.|{when} I {saw} {name}.|We {saw} {name} with a {animal} {where}.|"
    "The {thing} was {seen} by {name}.|Ask {name} about the {thing}.|Please help {name} with the {thing}.|"
    "Do you know {name}?|Have you {seen} {name} {where}?|{name}, who {did} the {thing}, is {age}.|"
    "{name} has lived in {city} since {when_small}.|The {animal} of {name} is {adjective}.|"
    "My friend {name} {did} the {thing}.|Our neighbour {name} is {age}.|The teacher is {name} from {city}.|"
    "{where_big} {name} {did} some {food}.|A {adjective} {animal} followed {name}.|Give the {thing} to {name}.|"
    "For {name}, aged {age}, the {food} is ready.|{age} is the age of {name}.|Nobody {seen} {name} {where}.|"
    "From {city} came {name} with {food}.|Signed by {name} in {city}.|Dear {name}, the {thing} is {adjective}.|"
    "The winner is {name}.|Room 4 is for {name}.|{name} and a {animal} are {where}.|"
    "To {name}: the {thing} is {colour}.|{name} likes {food}.|"
    "{name} is {adjective}.|It was {name} who {did} the {thing}.|There stood {name}, {age}."
)
OPENERS = texts(
    "The|A|An|Please|You|We|They|It|He|She|There|This|That|My|Our|Your|His|Her|Some|Every|Yes|No|Now|Then|Here|Look|"
    "Hello|Hi|Dear|From|To|For|With|Did|Does|Is|Was|Can|Could|When|Where|After|Before|Since|Today|Give|Send|Tell|Call"
)
DID = texts("found|sold|painted|lost|made|wanted|took|opened|carried|repaired|hid|brought|bought|kept|broke|saw")
SAW = texts("saw|met|heard|visited|called|helped|remember|know|followed|thanked|asked|found")
SEEN = texts("seen|found|made|painted|met|heard|wanted|opened|bought")
WHERE = texts("in {city}|near the {place}|at the {place}|by the {place}|in the {place}|from {city}|on the {thing}")
WHEN = texts("Yesterday|Today|Last week|In spring|One morning|At noon|On Monday|Later|Last night|Every day")
NEW_SENTENCES = texts(
    "{name} turned {age} last week.|They call her {name} in {city}.|Please welcome {name}, aged {age}.|"
    "{name} moved to {city} with a {animal}.|You are speaking with {name}.|A letter from {name} came to {city}."
)
ASKS = texts(
    "Extract the person as JSON: {t}|Who is this about? Answer as JSON. {t}|{t} Give me the name as JSON.|"
    "Extract the data: {t}|Get the details as JSON: {t}|{t} Answer with a JSON object.|Return the user as JSON: {t}|"
    "{t} Who is it?|Parse this: {t}|Extract the name. {t}|{t}|{t}"
)
NEW_NAMES = words("Alice Bob Maria Jason John Emma Liam Olivia Lucas Sophie Felix Anna Peter Julia Daniel Laura")


def named(rng: Random, new: bool) -> str:
    """A first name, now and then with a last name; in training most are made up, so that they are copied."""
    if new:
        return rng.choice(NEW_NAMES)
    first = odd_word(rng).capitalize() if rng.random() < 0.7 else rng.choice(NAMES)
    return f"{first} {odd_word(rng).capitalize()}" if rng.random() < 0.15 else first


def scrambled(rng: Random, found: dict[str, Any]) -> tuple[str, list[str]]:
    """The same without a frame: the name among words of any kind, where its capital letter alone gives it away, or the
    place at the front where no other word has one."""

    def some(low: int, high: int) -> list[str]:
        return [rng.choice(BANK) for _ in range(rng.randint(low, high))]

    first = rng.random() < 0.3
    before = [] if first else [rng.choice(OPENERS), *some(0, 4)]
    text, mentioned = [*before, found["name"], *some(1, 4)], ["name"]
    if rng.random() < 0.4:
        text += [rng.choice(("in", "from", "to", "near")), found["city"]]
        mentioned.append("city")
    elif rng.random() < 0.4:
        text += [rng.choice(("aged", "is", "turned", "of")), str(found["age"]), *some(0, 2)]
        mentioned.append("age")
    return " ".join(text) + ".", mentioned


def said(rng: Random, found: dict[str, Any]) -> tuple[str, list[str]]:
    """A sentence about `found`, and which of its keys it says. Most are put together, so that no wording gives the
    name away but what a name looks like."""
    if rng.random() < 0.4:
        return scrambled(rng, found)
    frame = rng.choice(SENTENCES if rng.random() < 0.35 else FRAMES)
    where, when = rng.choice(WHERE), rng.choice(WHEN)
    slots = {"where": where, "where_big": where[0].upper() + where[1:], "when": when, "when_small": when.lower()}
    for slot, text in slots.items():
        frame = frame.replace("{" + slot + "}", text)
    more = {"place": rng.choice(PLACES), "adjective": rng.choice(ADJECTIVES)}
    verbs = {"did": rng.choice(DID), "saw": rng.choice(SAW), "seen": rng.choice(SEEN)}
    return frame.format(**found, **more, **verbs), [key for key in found if "{" + key + "}" in frame]


def person(rng: Random) -> Conversation:
    """One to four texts, each about one person: every text is answered by an object about its own."""
    turns: list[Turn] = []
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        made, data = exchange(rng)
        turns += made
    thought = f"The name is {data['name']}." if "name" in data and rng.random() < 0.2 else None
    turns[-1] = replace(turns[-1], reasoning=thought)
    return Conversation(tuple(turns), skill="person", check={"json": data})


def exchange(rng: Random) -> tuple[list[Turn], dict[str, Any]]:
    """A sentence or two about one person; an object with `name` and perhaps what else was said."""
    found = {
        "name": named(rng, False),
        "age": rng.randrange(2, 100),
        "city": rng.choice(CITIES),
        "food": rng.choice(FOODS),
        "thing": rng.choice(THINGS),
        "animal": rng.choice(ANIMALS),
        "colour": rng.choice(COLOURS),
    }
    text, mentioned = said(rng, found)
    if rng.random() < 0.2:
        extra = rng.choice(("It is late.", "The weather is fine.", "I like the {colour} {thing}.", "Good morning."))
        parts = [text, extra.format(**found)]
        rng.shuffle(parts)
        text = " ".join(parts)
    also = [key for key in ("age", "city", "food", "animal") if key in mentioned and rng.random() < 0.6]
    keys = ["name", *also]
    rng.shuffle(keys)
    if rng.random() < 0.6:
        keys.sort(key=lambda key: key != "name")
    ask = rng.choice(ASKS).format(t=text)
    bare = ask == text or rng.random() < 0.6
    if len(keys) > 1 and not bare:
        ask += f" Keys: {', '.join(keys)}."
    if bare and rng.random() < 0.5:  # nothing says which keys are wanted after the first
        keys = keys[:1]
    data = {key: found[key] for key in keys}
    turn = Turn("assistant", json.dumps(data), None, forced=begun(rng, data) if bare else "")
    return [Turn("user", ask), turn], data


def begun(rng: Random, data: dict[str, Any]) -> str:
    """How the object begins up to the value of one of its keys, and that value's quotation mark."""
    key = rng.choice(list(data)) if rng.random() < 0.4 else next(iter(data))
    before = dict(list(data.items())[: list(data).index(key)])
    head = (json.dumps(before)[:-1] + ", " if before else "{") + json.dumps(key) + ": "
    return head + '"' * isinstance(data[key], str)


def person_new(rng: Random) -> Conversation:
    """Evaluation: names and sentences kept back; the answer begins as a schema with `name` first makes it begin."""
    found = {"name": named(rng, True), "age": rng.randrange(2, 100), "city": rng.choice(CITIES)}
    text = rng.choice(NEW_SENTENCES).format(**found, animal=rng.choice(ANIMALS))
    ask = rng.choice(ASKS).format(t=text)
    reply = json.dumps({"name": found["name"]})
    turns = (Turn("user", ask), Turn("assistant", reply, None, forced='{"name": "'))
    return Conversation(turns, skill="person", check={"all": [reply[:-1]]})
