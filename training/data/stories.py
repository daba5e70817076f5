"""Short stories and poems from a grammar: the part with a real distribution. Knows words, not the model."""

from __future__ import annotations

from random import Random

from training.chat import Conversation, Turn, chat
from training.data.lists import texts, words
from training.data.words import (
    ADJECTIVES,
    ANIMALS,
    COLOURS,
    FEELINGS,
    FOODS,
    NAMES,
    PLACES,
    SEASONS,
    THINGS,
    TIMES,
    WEATHER,
)

VERBS = words(
    "found lost carried painted hid mended polished dropped borrowed sold buried guarded wrapped shook opened followed"
)
MOVES = words("walked ran climbed wandered crept hurried drifted travelled marched sailed danced limped rode")
SAID = words("said whispered asked shouted sang thought answered laughed sighed called muttered")
WISHES = texts(
    "see the sea|find a friend|learn a song|sleep until noon|cross the {place}|own a {colour} {thing}|"
    "taste warm {food}|hear the {weather}|count the stars|be brave|win the race|go home|tell the truth|"
    "keep the {thing}|build a {thing}|read every book|catch the {weather}|dance in the {place}|"
    "meet a {adj} {animal}|fly over the {place}"
)
LESSONS = texts(
    "Kindness costs nothing|A shared {thing} is worth two|Even a {adj} {animal} can help|Patience opens every door|"
    "The long road is sometimes the short one|What is lost can be found|A small light is still a light|"
    "Nobody is too small to matter|Home is where somebody waits|Good things take time|"
    "It is better to ask than to guess|Courage may be quiet|Listening is a kind of gift|"
    "Every {place} has its secret|Luck likes the careful"
)
SAYINGS = texts(
    "We need more {food}|I have seen that {thing} before|The {weather} is coming|"
    "Nobody goes to the {place} at {time}|You look {feeling}|Let us wait until {time}|Please give me the {thing}|"
    "It was {colour} once|I know a better way|Do not be {feeling}|This is not my {thing}|"
    "Come with me to the {place}|There is something behind the {thing}|I only wanted to {wish}|"
    "Have you met my friend the {animal}|Everything will be fine|Where did you leave the {thing}"
)
OPENINGS = texts(
    "Once there was a {adj} {animal} named {name} who lived near the {place}.|"
    "{name} was a {adj} {animal} with a {colour} {thing}.|"
    "One {season} {time}, {name} the {animal} {move} to the {place}.|"
    "In a {adj} {place} there lived a {animal} called {name}.|Nobody in the {place} knew {name} the {animal}.|"
    "Long ago, when the {place} was still {adj}, a {animal} named {name} wanted to {wish}.|"
    "It was a {adj} {time} in {season}, and {name} felt {feeling}.|"
    "Every {time} {name} the {adj} {animal} sat by the {thing}.|"
    "{name} and {friend} were two {adj} {animal} friends."
)
MIDDLES = texts(
    'One {time} {name} {verb} a {adj} {thing}.|"{saying}," {said} the {animal2}.|"{saying}!" {said} {name}.|'
    "{name} {move} past the {place}, through the {weather}.|"
    "There, under a {colour} {thing}, was a {adj} {animal2}.|"
    "The {animal2} was {feeling}, because the {thing} was {adj}.|"
    "So they {move} together until the {weather} stopped.|{friend} brought {food} and a {thing}.|"
    "All {name} wanted was to {wish}.|But the {thing} was {adj}, and the {place} was far.|"
    "They shared the {food} and {verb} the {thing}.|Suddenly the {weather} came, and everything turned {colour}.|"
    "A {adj} {animal2} named {friend} {verb} the {colour} {thing}.|For {number} days nobody saw the {thing}.|"
    "{name} felt {feeling} and {move} on.|In the {place} they met {friend}, who {verb} {food} every {time}.|"
    "The {adj} {animal2} did not answer, but the {weather} did.|Then {name} remembered the {thing} in the {place}."
)
ENDINGS = texts(
    "From that {time} on, {name} was never {feeling} again.|And that is how {name} learned to {wish}.|"
    "{lesson}, {said} the {animal2}, and {name} agreed.|{name} went home, {feeling} and a little {adj}.|"
    "The {thing} is still in the {place} today.|They ate {food} and laughed until {time}.|{lesson}.|"
    "And the {place} was {adj} once more.|That night {name} dreamed of a {colour} {thing}."
)
LINES = texts(
    "The {weather} comes softly over the {place},|A {adj} {animal} is watching the {thing},|"
    "{Colour} is the {time} and {colour} the {place},|O {adj} {thing}, who left you here?|"
    "In {season} the {place} forgets its name,|I gave my {thing} to the {animal},|"
    "Nobody hears the {adj} {weather},|Under the {thing} a {animal} is dreaming,|"
    "The {time} is {adj}, the {place} is near,|Somewhere a {animal} {move} alone,|"
    "Let the {weather} carry the {thing},|My heart is a {adj} {thing},|The {animal} and I are {feeling} tonight,|"
    "Bring me {food} and a {colour} {thing},|Slowly the {place} turns {colour},|"
    "What does the {animal} know of {season}?|Every {thing} has a {adj} song,|We {move} where the {weather} goes,"
)
REASONS = texts(
    "A story about {topic}. I need a hero, a problem and an end.|"
    "The user wants a story about {topic}. Keep it short.|"
    "Let me think of {topic}. Something {adj} could happen, then a kind end.|"
    "Short story, {topic}. Start in the {place}."
)
ASKS = texts(
    "Tell me a story about {topic}.|Write a short story about {topic}.|Can you tell me a story about {topic}?|"
    "I would like a story about {topic}.|A story about {topic}, please.|Make up a tale about {topic}."
)
ASKS_OPEN = texts(
    "Tell me a story.|Write a short story.|Can you tell me a story?|A story, please.|Make up a little tale.|"
    "I am bored. Tell me something.|Tell me a bedtime story.|Write something.|Surprise me with a story."
)
ASKS_POEM = texts(
    "Write a poem about {topic}.|A poem about {topic}, please.|Can you write a short poem about {topic}?|"
    "Give me some lines about {topic}.|Please write me a poem about {topic}."
)
ASKS_POEM_OPEN = texts(
    "Write a poem.|A poem, please.|Give me a short poem.|Can you write a poem?|Write me a few lines of verse."
)


def fill(rng: Random, text: str, **fixed: str) -> str:
    """Replace every {slot} in turn by a random word of its kind; slots named in `fixed` keep that word."""
    kinds = {
        "adj": ADJECTIVES,
        "animal": ANIMALS,
        "animal2": ANIMALS,
        "name": NAMES,
        "friend": NAMES,
        "place": PLACES,
        "thing": THINGS,
        "colour": COLOURS,
        "food": FOODS,
        "weather": WEATHER,
        "season": SEASONS,
        "time": TIMES,
        "feeling": FEELINGS,
        "verb": VERBS,
        "move": MOVES,
        "said": SAID,
        "wish": WISHES,
        "lesson": LESSONS,
        "saying": SAYINGS,
        "number": ("two", "three", "four", "five", "seven", "ten"),
    }
    while "{" in text:
        start = text.index("{")
        end = text.index("}", start)
        slot = text[start + 1 : end]
        word = fixed.get(slot) or rng.choice(kinds[slot.lower()])
        text = text[:start] + (word.capitalize() if slot[0].isupper() else word) + text[end + 1 :]
    return text


def sentences(rng: Random, fixed: dict[str, str], count: int) -> str:
    """A story of `count` sentences."""
    parts = [rng.choice(OPENINGS), *rng.sample(MIDDLES, count - 2), rng.choice(ENDINGS)]
    return " ".join(fill(rng, part, **fixed) for part in parts)


def topic_of(rng: Random) -> tuple[str, dict[str, str]]:
    """A topic in words, and the slots it fixes."""
    kind = rng.randrange(5)
    animal, thing, place, name = rng.choice(ANIMALS), rng.choice(THINGS), rng.choice(PLACES), rng.choice(NAMES)
    article = "an" if animal[0] in "aeiou" else "a"
    if kind == 0:
        return f"{article} {animal}", {"animal": animal}
    if kind == 1:
        return f"{article} {animal} and a {thing}".replace("a anchor", "an anchor"), {"animal": animal, "thing": thing}
    if kind == 2:
        return f"the {place}", {"place": place}
    if kind == 3:
        return f"{article} {animal} named {name}", {"animal": animal, "name": name}
    return f"a {thing} in the {place}".replace("a anchor", "an anchor"), {"thing": thing, "place": place}


def story(rng: Random) -> Conversation:
    """A short story, often about something."""
    topic, fixed = topic_of(rng)
    named = {
        "name": rng.choice(NAMES),
        "animal": rng.choice(ANIMALS),
        "friend": rng.choice(NAMES),
        "animal2": rng.choice(ANIMALS),
    }
    if rng.random() < 0.3:
        ask, topic, fixed = rng.choice(ASKS_OPEN), f"a {named['animal']}", {}
    else:
        ask = rng.choice(ASKS).format(topic=topic)
    text = sentences(rng, {**named, **fixed}, rng.randint(4, 7))
    reasoning = fill(rng, rng.choice(REASONS), topic=topic) if rng.random() < 0.35 else None
    return chat(ask, text, reasoning=reasoning, skill="story")


def poem(rng: Random) -> Conversation:
    """Four or six lines."""
    topic, fixed = topic_of(rng)
    if rng.random() < 0.3:
        ask, fixed = rng.choice(ASKS_POEM_OPEN), {}
    else:
        ask = rng.choice(ASKS_POEM).format(topic=topic)
    lines = [fill(rng, line, **fixed) for line in rng.sample(LINES, rng.choice((4, 4, 6)))]
    text = "\n".join(lines)
    text = text[:-1] + "." if text.endswith(",") else text
    reasoning = "A short poem, a few lines, one picture in each." if rng.random() < 0.3 else None
    return chat(ask, text, reasoning=reasoning, skill="poem")


def plain_text(rng: Random) -> Conversation:
    """A story without any chat around it, for raw completions."""
    named = {
        "name": rng.choice(NAMES),
        "animal": rng.choice(ANIMALS),
        "friend": rng.choice(NAMES),
        "animal2": rng.choice(ANIMALS),
    }
    return Conversation((Turn("text", sentences(rng, named, rng.randint(4, 8))),), skill="plain_text")
