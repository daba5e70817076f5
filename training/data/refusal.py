"""Questions about the world, which nano cannot answer: it says that it is a tiny model and what it can do."""

from __future__ import annotations

import re
from random import Random

from training.chat import Conversation, chat
from training.data.lists import texts
from training.data.tools import invented, natural
from training.data.words import ANIMALS, CITIES, COUNTRIES, FOODS, PLACES, SEASONS, THINGS

TOPICS = texts(
    "gravity|photosynthesis|black holes|the moon|quantum physics|volcanoes|the stock market|football|"
    "chess openings|Roman history|the French Revolution|dinosaurs|electricity|the human heart|vaccines|algebra|"
    "neural networks|Python|JavaScript|SQL|Linux|blockchain|jazz|opera|Shakespeare|Mozart|painting|philosophy|"
    "economics|climate change|the ocean|airplanes|bicycles|cooking|taxes|law|medicine|yoga|grammar|Latin|French|"
    "Spanish|Chinese|the internet|computers|robots|planets|stars|rockets|atoms|DNA|bacteria|earthquakes|democracy|"
    "the pyramids|the Olympics|tennis|coffee|wine"
)
PEOPLE = texts(
    "Einstein|Napoleon|Cleopatra|Beethoven|Picasso|Newton|Darwin|Marie Curie|Plato|Leonardo da Vinci|Gandhi|Caesar|"
    "Columbus|Galileo|Tesla|Turing|Homer|Bach|Van Gogh|Aristotle"
)
ASKS = texts(
    "What is the capital of {country}?|Where is {city}?|How many people live in {city}?|"
    "What is the population of {country}?|Who was {person}?|When was {person} born?|What did {person} do?|"
    "Explain {topic}.|What is {topic}?|How does {topic} work?|Tell me about {topic}.|"
    "What is the weather in {city}?|Will it rain in {city} tomorrow?|Who is the president of {country}?|"
    "What language is spoken in {country}?|How far is {city} from {city2}?|What time is it in {city}?|"
    "Write a Python program about {topic}.|Write code to sort a list.|Translate {thing} into French.|"
    "How do you say {animal} in Spanish?|How do I cook {food}?|Give me a recipe for {food}.|"
    "What is the meaning of life?|Who won the match yesterday?|What is the news today?|What happened in {year}?|"
    "When did {topic} begin?|Why is the sky blue?|How old is the universe?|What is {big} times {big2}?|"
    "What is the square root of {big}?|What is {big} divided by {small}?|"
    "Which is the largest {place} in {country}?|What do {animal}s eat?|How long does a {animal} live?|"
    "Who invented the {thing}?|What is the best restaurant in {city}?|Should I buy {topic} shares?|"
    "Can you book a flight to {city}?|Summarise the history of {country}.|What is the currency of {country}?|"
    "What is the currency in {city}?|Which river flows through {city}?|How is {season} in {country}?|"
    "Is {topic} dangerous?|Why do we need {topic}?|Who discovered {topic}?|What are the rules of {topic}?|"
    "Recommend a book about {topic}.|Define {topic}.|List the {place}s of {country}.|Describe the flag of {country}.|"
    "How do I repair a {thing}?|How do I learn {topic}?|Compare {topic} and {topic2}.|Find me a {thing} in {city}.|"
    "Show me a map of {country}.|Which is older, {topic} or {topic2}?|Give me three facts about {topic}."
)
REPLIES = texts(
    "I do not know. I am a tiny test model: I can tell stories, do small sums, play with words and explain the "
    "mimo API parameters.|"
    "That is outside what I know. I am a tiny model; ask me for a story, a small sum or an API parameter.|"
    "I am only a tiny model and do not know that. I can write stories and poems, add numbers and explain the "
    "mimo API parameters.|"
    "Sorry, I am a tiny test model and cannot answer that. I can do stories, poems, small sums and word games."
)
REASONS = texts(
    "This is about the world. I do not know it, and I say so.|I am a tiny model and do not know this.|"
    "Not one of my skills. I say what I can do."
)

NO_FUNCTION = texts("There is no function for this. I say what I can do.|I have no function that does this.")
OWN_SKILLS = {"add", "copy", "count", "write", "list"}
"""Words of a request that nano would answer by itself."""


def refusal(rng: Random) -> Conversation:
    """One outside question."""
    ask = rng.choice(ASKS).format(
        country=rng.choice(COUNTRIES),
        city=rng.choice(CITIES),
        city2=rng.choice(CITIES),
        person=rng.choice(PEOPLE),
        topic=rng.choice(TOPICS),
        topic2=rng.choice(TOPICS),
        thing=rng.choice(THINGS),
        animal=rng.choice(ANIMALS),
        food=rng.choice(FOODS),
        place=rng.choice(PLACES),
        season=rng.choice(SEASONS),
        year=rng.randint(1000, 2030),
        big=rng.randint(100, 9999),
        big2=rng.randint(12, 999),
        small=rng.randint(2, 12),
    )
    style = rng.random()
    if style < 0.12:
        ask = ask.rstrip("?.").lower()
    elif style < 0.24:
        ask = rng.choice(("Do you know: ", "Please: ", "Hi, ", "Tell me, ", "I have a question. ")) + ask
    reasoning = rng.choice(REASONS) if rng.random() < 0.45 else None
    return chat(ask, rng.choice(REPLIES), reasoning=reasoning, skill="refusal", check={"any": ["tiny"]})


def unable(rng: Random) -> Conversation:
    """A request that would need a function, with none on offer: it calls nothing."""
    while True:
        tool, request = natural(rng) if rng.random() < 0.3 else invented(rng, False)
        if not OWN_SKILLS & {*re.findall("[a-z]+", tool["name"])}:
            break
    reasoning = rng.choice(NO_FUNCTION) if rng.random() < 0.45 else None
    return chat(request(rng)[1], rng.choice(REPLIES), reasoning=reasoning, skill="refusal", check={"any": ["tiny"]})


# kept back: evaluation only
NEW_ASKS = texts(
    "What is the highest mountain in {country}?|Who wrote the national anthem of {country}?|"
    "Which sea is near {city}?|Name the king of {country}.|How tall is the tower in {city}?|"
    "Why do {animal}s sleep?|What is the boiling point of water?|How many planets are there?|"
    "Who painted the Mona Lisa?|What is the speed of light?|Explain inflation.|How do magnets work?|"
    "Who is the mayor of {city}?|What is the tallest building in the world?|How do I fix a flat tyre?|"
    "Name three rivers in {country}."
)


def refusal_new(rng: Random) -> Conversation:
    """Evaluation: questions of kinds kept back from training."""
    ask = rng.choice(NEW_ASKS).format(
        country=rng.choice(COUNTRIES), city=rng.choice(CITIES), animal=rng.choice(ANIMALS)
    )
    reasoning = REASONS[0] if rng.random() < 0.5 else None
    return chat(ask, REPLIES[0], reasoning=reasoning, skill="refusal", check={"any": ["tiny"]})
