"""Several turns: what the user said one to three turns ago is asked for. Knows names, colours, numbers and the like."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from training.chat import Conversation, Turn
from training.data.lists import texts
from training.data.words import ANIMALS, CITIES, COLOURS, FOODS, NAMES, THINGS

# kind → (ways to say it, ways to ask for it, answer, reasoning)
KINDS: dict[str, tuple[str, str, str]] = {
    "name": (
        "My name is {v}.|I am called {v}.|Call me {v}.|I am {v}.|Hi, I'm {v}.|You can call me {v}.|"
        "Please remember that my name is {v}.",
        "What is my name?|What am I called?|Do you remember my name?|Who am I?|Tell me my name.|"
        "Do you know my name?|what's my name?",
        "Your name is {v}.",
    ),
    "favourite colour": (
        "My favourite colour is {v}.|I like the colour {v} best.|{v} is my favourite colour.|"
        "I love {v}, it is my favourite colour.|"
        "Remember that my favourite colour is {v}.",
        "What is my favourite colour?|Which colour do I like?|Do you remember my colour?|"
        "What colour do I like best?|Which is my favourite colour?",
        "Your favourite colour is {v}.",
    ),
    "number": (
        "My number is {v}.|Remember the number {v}.|My lucky number is {v}.|Please keep the number {v} in mind.|"
        "The secret number is {v}.",
        "What is my number?|Which number did I tell you?|Do you remember the number?|What was the number?|"
        "Tell me the number.",
        "The number is {v}.",
    ),
    "city": (
        "I live in {v}.|My home is in {v}.|I come from {v}.|My city is {v}.",
        "Where do I live?|Which city is mine?|Do you remember where I live?|What is my city?|Where is my home?",
        "You live in {v}.",
    ),
    "pet": (
        "I have a {v}.|My pet is a {v}.|At home I have a {v}.|I own a {v} as a pet.",
        "What pet do I have?|Which animal do I have?|Do you remember my pet?|What is my pet?",
        "You have a {v}.",
    ),
    "favourite food": (
        "My favourite food is {v}.|I like {v} most of all.|I love to eat {v}.",
        "What is my favourite food?|What do I like to eat?|Which food do I like?",
        "Your favourite food is {v}.",
    ),
    "code word": (
        "The code word is {v}.|Our code word is {v}.|Remember the code word {v}.|The password is {v}.",
        "What is the code word?|Which code word did I give you?|Do you remember the code word?|Tell me the code word.",
        "The code word is {v}.",
    ),
}
VALUES: dict[str, Callable[[Random], str]] = {
    "name": lambda rng: rng.choice(NAMES),
    "favourite colour": lambda rng: rng.choice(COLOURS),
    "number": lambda rng: str(rng.randrange(1000)),
    "city": lambda rng: rng.choice(CITIES),
    "pet": lambda rng: rng.choice(ANIMALS),
    "favourite food": lambda rng: rng.choice(FOODS),
    "code word": lambda rng: rng.choice(THINGS),
}
NOTED = texts(
    "I will remember that.|Noted: your {k} is {v}.|Good to know: {v}.|Thank you, I will keep that in mind.|"
    "All right, {v}.|I will remember: {v}.|Understood."
)
FILLER = (
    ("Thanks.", "You are welcome!"),
    ("How are you?", "I am fine, thank you."),
    ("What is 2 + 3?", "2 + 3 = 5"),
    ("Are you there?", "Yes, I am here."),
    ("Do you like music?", "I am a tiny model and hear nothing, but I like the word."),
    ("Say hello.", "Hello!"),
    ("Nice weather today.", "I am glad to hear it."),
    ("Let us talk about something else.", "Gladly. What would you like?"),
    ("ok", "What next?"),
)
UNKNOWN = ("You have not told me.", "I do not know yet. You have not told me.", "You have not told me that yet.")


def memory(rng: Random) -> Conversation:
    """One to three facts, perhaps something in between, then a question about one of them, or about one never told."""
    told = rng.sample(list(KINDS), rng.randint(1, 3))
    values = {kind: VALUES[kind](rng) for kind in told}
    turns: list[Turn] = []
    together = len(told) > 1 and rng.random() < 0.3
    said = {kind: rng.choice(KINDS[kind][0].split("|")).replace("{v}", values[kind]) for kind in told}
    said = {kind: text[0].upper() + text[1:] for kind, text in said.items()}
    if together:
        turns += [Turn("user", " ".join(said.values())), Turn("assistant", "I will remember that.")]
    else:
        for kind in told:
            noted = rng.choice(NOTED).format(k=kind, v=values[kind])
            if kind == "name" and rng.random() < 0.5:
                noted = rng.choice(("Hello {v}!", "Nice to meet you, {v}!", "Hi {v}! What can I do for you?")).format(
                    v=values[kind]
                )
            turns += [Turn("user", said[kind]), Turn("assistant", noted)]
    if rng.random() < 0.5:
        for ask, reply in rng.sample(FILLER, rng.randint(1, 2)):
            turns += [Turn("user", ask), Turn("assistant", reply)]
    wanted = rng.choice(told)
    if rng.random() < 0.08:
        wanted = rng.choice([kind for kind in KINDS if kind not in told])
    ask = rng.choice(KINDS[wanted][1].split("|"))
    thinking = rng.random() < 0.4
    if wanted in values:
        reply, key = KINDS[wanted][2].format(v=values[wanted]), values[wanted]
        reasoning = f"The user told me: {said[wanted]}"
    else:
        reply, key, reasoning = rng.choice(UNKNOWN), "not told", "The user has not told me this."
    turns += [Turn("user", ask), Turn("assistant", reply, reasoning if thinking else None)]
    return Conversation(tuple(turns), skill="memory", check={"all": [key]})
