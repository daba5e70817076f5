"""Small JSON objects on request. Knows keys and values."""

from __future__ import annotations

import json
from random import Random

from training.chat import Conversation, chat
from training.data.lists import texts
from training.data.made_up import KEYS, NEW_KEYS
from training.data.tools import kind_of, one_of, value

ASKS = texts(
    "Answer as JSON with keys {keys}: {facts}.|As JSON with keys {keys}: {facts}.|"
    "Give me a JSON object with the keys {keys}. {facts}.|Write this as JSON with keys {keys}: {facts}.|"
    "JSON with {keys}, please: {facts}.|Return JSON with the keys {keys} for: {facts}."
)


def json_object(rng: Random, new: bool = False) -> Conversation:
    """One to four keys with values from the request; `new` keys are those kept back."""
    keys = NEW_KEYS if new else KEYS
    chosen = list(dict.fromkeys(one_of(rng, keys, new) for _ in range(rng.randint(1, 4))))
    data = {}
    for key in chosen:
        data[key] = value(rng, kind_of(rng, key, keys, ("words", "name", "city", "colour", "food", "boolean")))
    shown = [f"{key} {json.dumps(arg) if isinstance(arg, bool) else arg}" for key, arg in data.items()]
    rng.shuffle(shown)
    ask = rng.choice(ASKS).format(keys=", ".join(chosen), facts=", ".join(shown))
    reasoning = (
        f"A JSON object with {len(chosen)} {'key' if len(chosen) == 1 else 'keys'}." if rng.random() < 0.3 else None
    )
    return chat(ask, json.dumps(data), reasoning=reasoning, skill="json", check={"json": data})


def json_new(rng: Random) -> Conversation:
    """Evaluation: keys kept back from training."""
    return json_object(rng, new=True)
