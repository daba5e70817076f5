"""People in a text, as JSON: who it is about, how old, from where. Knows names and sentences.

A server that holds an answer to a schema writes its marks itself, and nothing in the request need say JSON. So in part
of the conversations the beginning is `forced`: the model did not write it and goes on from it.
"""

from __future__ import annotations

import json
from random import Random

from training.chat import Conversation, Turn
from training.data.lists import texts, words
from training.data.made_up import odd_word
from training.data.words import ANIMALS, CITIES, COLOURS, FOODS, NAMES, THINGS

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
    first = odd_word(rng).capitalize() if rng.random() < 0.6 else rng.choice(NAMES)
    return f"{first} {odd_word(rng).capitalize()}" if rng.random() < 0.15 else first


def person(rng: Random, new: bool = False) -> Conversation:
    """A sentence or three about one person; an object with `name` and perhaps what else was said."""
    found = {
        "name": named(rng, new),
        "age": rng.randrange(2, 100),
        "city": rng.choice(CITIES),
        "food": rng.choice(FOODS),
        "thing": rng.choice(THINGS),
        "animal": rng.choice(ANIMALS),
        "colour": rng.choice(COLOURS),
    }
    said = rng.choice(NEW_SENTENCES if new else SENTENCES)
    text = said.format(**found)
    if rng.random() < 0.3:
        extra = rng.choice(("It is late.", "The weather is fine.", "I like the {colour} {thing}.", "Good morning."))
        parts = [text, extra.format(**found)]
        rng.shuffle(parts)
        text = " ".join(parts)
    also = [key for key in ("age", "city", "food", "animal") if "{" + key + "}" in said and rng.random() < 0.6]
    keys = ["name", *also]
    rng.shuffle(keys)
    data = {key: found[key] for key in keys}
    reply = json.dumps(data)
    ask = rng.choice(ASKS).format(t=text)
    bare = ask == text or rng.random() < 0.3
    if len(keys) > 1 and not bare:
        ask += f" Keys: {', '.join(keys)}."
    forced = reply[: reply.index(json.dumps(data[keys[0]])) + (keys[0] != "age")] if bare else ""
    reasoning = f"The name is {found['name']}." if rng.random() < 0.25 else None
    if bare and len(keys) > 1:  # nothing says which keys are wanted after the first
        reply, data = json.dumps({keys[0]: found[keys[0]]}), {keys[0]: found[keys[0]]}
    turns = (Turn("user", ask), Turn("assistant", reply, reasoning, forced=forced))
    return Conversation(turns, skill="person", check={"json": data})


def person_new(rng: Random) -> Conversation:
    """Evaluation: names and sentences kept back; the answer begins as a schema with `name` first makes it begin."""
    found = {"name": named(rng, True), "age": rng.randrange(2, 100), "city": rng.choice(CITIES)}
    text = rng.choice(NEW_SENTENCES).format(**found, animal=rng.choice(ANIMALS))
    ask = rng.choice(ASKS).format(t=text)
    reply = json.dumps({"name": found["name"]})
    turns = (Turn("user", ask), Turn("assistant", reply, None, forced='{"name": "'))
    return Conversation(turns, skill="person", check={"all": [reply[:-1]]})
