"""Playing with words: copy, write in a form, upper case, reverse, count, sort, first and last, spell. Knows words and
letters."""

from __future__ import annotations

from random import Random

from training.chat import SPECIALS, Conversation, chat
from training.data.lists import texts, words
from training.data.made_up import odd_word
from training.data.words import ANIMALS, FOODS, NAMES, NUMBERS, PLAIN, THINGS

COPY = texts(
    "Repeat after me: {t}|Copy this: {t}|Say exactly: {t}|Write this again: {t}|Repeat: {t}|Echo: {t}|"
    'Please repeat this: {t}|Say "{t}".|Copy the following text:\n{t}|Repeat the words: {t}'
)
# the same words without the blank before them: other tokens, which calls and JSON need
FORMS: tuple[tuple[str, str, str], ...] = (
    ("Put each of these words in quotation marks: {t}|Quote each word: {t}|In quotes, please: {t}", '"{w}"', ", "),
    ("Write one word per line: {t}|One word a line: {t}|Each word on a line of its own: {t}", "{w}", "\n"),
    ("Join these words with underscores: {t}|Underscores instead of blanks: {t}|In snake case: {t}", "{w}", "_"),
    ("Put each word in brackets: {t}|In brackets, please: {t}|Square brackets around each word: {t}", "[{w}]", " "),
    ("Write each word as a tag: {t}|As tags: {t}|Make a tag of each word: {t}", "<{w}>", ""),
    ("Put a dash before each word: {t}|Write this as a list with dashes: {t}|As a dashed list: {t}", "-{w}", "\n"),
)
UPPER = texts(
    "Write this in upper case: {t}|Upper case: {t}|Make this upper case: {t}|Put in capitals: {t}|"
    "Capital letters, please: {t}|Turn this into capital letters: {t}|Convert to uppercase: {t}"
)
REVERSE_WORDS = texts(
    "Reverse the order of these words: {t}|Reverse this list: {t}|Say these words backwards: {t}|"
    "Put these words in reverse order: {t}|Reverse the words: {t}"
)
REVERSE_LETTERS = texts(
    'Reverse the word "{t}".|Spell "{t}" backwards.|Reverse the letters of {t}.|Write the word {t} backwards.|'
    "What is {t} spelled backwards?|Reverse: {t}"
)
SPELL = texts("Spell the word {t}.|Spell {t}.|How do you spell {t}?|Which letters are in {t}?|Spell out {t}.")
COUNT = texts(
    'How many letters are in the word "{t}"?|How many letters does {t} have?|Count the letters in {t}.|'
    "How long is the word {t}?|Number of letters in {t}?"
)
COUNT_ONE = texts(
    'How many times is the letter {l} in "{t}"?|How many {l} are in {t}?|Count the letter {l} in {t}.|'
    "How often does {l} occur in {t}?"
)
COUNT_WORDS = texts(
    "How many words are here: {t}|Count the words: {t}|How many items are in this list: {t}|"
    "How many words did I write: {t}"
)
SORT = texts(
    "Sort these words: {t}|Sort alphabetically: {t}|Put these words in alphabetical order: {t}|Sort this list: {t}"
)
SORT_NUMBERS = texts("Sort these numbers: {t}|Put these numbers in order: {t}|Sort from small to large: {t}")
# words that the other skills' sentences use
ORDINARY = words("painting answer letters words model token default")
FIRST = texts("What is the first word of: {t}|First word, please: {t}|Give me the first of these: {t}")
LAST = texts("What is the last word of: {t}|Last word, please: {t}|Give me the last of these: {t}")


def some(rng: Random, low: int, high: int) -> list[str]:
    """Distinct plain words."""
    return rng.sample(PLAIN, rng.randint(low, high))


def made(
    rng: Random, asks: list[str], text: str, reply: str, reasoning: str, skill: str, thinking: float = 0.4, **slots: str
) -> Conversation:
    """One conversation whose right answer is exactly `reply`."""
    ask = rng.choice(asks)
    for slot, word in slots.items():
        ask = ask.replace("{" + slot + "}", word)
    ask = ask.replace("{t}", text)
    return chat(
        ask, reply, reasoning=reasoning if rng.random() < thinking else None, skill=skill, check={"exact": reply}
    )


def copy(rng: Random) -> Conversation:
    """Words, numbers, names, now and then odd characters, repeated."""
    parts = [
        rng.choice((rng.choice(PLAIN), rng.choice(PLAIN), rng.choice(NAMES), str(rng.randrange(1000))))
        for _ in range(rng.choice((rng.randint(1, 8), rng.randint(1, 8), rng.randint(6, 20))))
    ]
    if rng.random() < 0.25:
        parts.insert(
            rng.randrange(len(parts) + 1),
            "".join(rng.choice("abcdefghijklmnopqrstuvwxyz-_.!?#@0123456789") for _ in range(rng.randint(2, 7))),
        )
    if rng.random() < 0.04:
        parts.append(rng.choice((*SPECIALS, "<b>", "</div>", "<tag>", "[x]", "{y}")))
    text = (rng.choice((" ", " ", ", "))).join(parts)
    return made(rng, COPY, text, text, "I repeat the text exactly.", "copy", 0.3)


def form(rng: Random) -> Conversation:
    """Words in quotation marks, on lines, joined, in brackets, as tags or as a list."""
    asks, each, joint = rng.choice(FORMS)
    found = [odd_word(rng) if rng.random() < 0.8 else rng.choice(ORDINARY) for _ in range(rng.randint(1, 6))]
    reply = joint.join(each.replace("{w}", word) for word in found)
    return made(rng, asks.split("|"), " ".join(found), reply, "I write each word in that form.", "form", 0.2)


def upper(rng: Random) -> Conversation:
    """Capitals."""
    text = " ".join(some(rng, 1, 5))
    return made(rng, UPPER, text, text.upper(), "Every letter becomes a capital.", "upper", 0.3)


def reverse(rng: Random) -> Conversation:
    """A list of words, or the letters of one word (with the letters spelt out when thinking)."""
    if rng.random() < 0.5:
        found = some(rng, 2, 6)
        joint = rng.choice((" ", ", "))
        reasoning = f"{len(found)} words. From the last to the first."
        return made(rng, REVERSE_WORDS, joint.join(found), joint.join(found[::-1]), reasoning, "reverse")
    word = rng.choice(PLAIN)
    reasoning = f"{word}: {' '.join(word)}. Backwards: {' '.join(word[::-1])}."
    return made(rng, REVERSE_LETTERS, word, word[::-1], reasoning, "reverse", 0.6)


def count(rng: Random) -> Conversation:
    """Letters of a word, one letter in a word, words in a list."""
    kind = rng.randrange(3)
    if kind == 0:
        word = rng.choice(PLAIN)
        steps = ", ".join(f"{letter} {i + 1}" for i, letter in enumerate(word))
        return made(rng, COUNT, word, f"{word} has {len(word)} letters.", f"{steps}.", "count", 0.5)
    if kind == 1:
        word = rng.choice(PLAIN)
        letter = rng.choice(word) if rng.random() < 0.8 else rng.choice("abcdefghijklmnoprstuwy")
        seen, spelt = 0, []
        for character in word:
            seen += character == letter
            spelt.append(f"{character} {seen}")
        number = "once" if seen == 1 else f"{seen} times"
        return made(
            rng, COUNT_ONE, word, f"{letter} is in {word} {number}.", ", ".join(spelt) + ".", "count", 0.4, l=letter
        )
    found = some(rng, 2, 9)
    steps = ", ".join(f"{word} {i + 1}" for i, word in enumerate(found))
    return made(rng, COUNT_WORDS, " ".join(found), f"There are {NUMBERS[len(found)]} words.", f"{steps}.", "count", 0.5)


def sort(rng: Random) -> Conversation:
    """Three to five words, or numbers below 100."""
    if rng.random() < 0.5:
        numbers = rng.sample(range(100), rng.randint(3, 5))
        if rng.random() < 0.3:
            numbers[0] = rng.choice([number for number in range(10) if number not in numbers])
            rng.shuffle(numbers)
        reply = ", ".join(map(str, sorted(numbers)))
        asked, ordered = (", ".join(f"{number:02}" for number in some) for some in (numbers, sorted(numbers)))
        reasoning = f"Two digits each: {asked}. Smallest first: {ordered}."
        return made(rng, SORT_NUMBERS, ", ".join(map(str, numbers)), reply, reasoning, "sort", 0.5)
    found = rng.sample(sorted({*ANIMALS, *THINGS, *FOODS}), rng.randint(3, 5))
    found = list({word[0]: word for word in found}.values())
    keys = ", ".join(f"{word[0]} {word}" for word in sorted(found))
    return made(rng, SORT, ", ".join(found), ", ".join(sorted(found)), f"By the first letter: {keys}.", "sort", 0.5)


def pick(rng: Random) -> Conversation:
    """The first or last word; a word spelt out."""
    kind = rng.randrange(3)
    if kind == 2:
        word = rng.choice(PLAIN)
        return made(rng, SPELL, word, " ".join(word), "One letter after the other.", "spell", 0.2)
    found = some(rng, 2, 7)
    asks, reply = (FIRST, found[0]) if kind == 0 else (LAST, found[-1])
    return made(
        rng, asks, " ".join(found), reply, f"The {'first' if kind == 0 else 'last'} word is {reply}.", "pick", 0.4
    )
