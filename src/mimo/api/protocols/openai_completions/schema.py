"""The shapes of completions in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable

from mimo.api.protocols.openai_completions.request import FIELDS, MAX_PROMPTS
from mimo.api.protocols.schema import COUNT, OBJECT, STRING, Schema, any_of, array, obj


def schemas(model: Schema, describe: Callable[[str], Schema]) -> Schema:
    """Requests and answers by name; `describe` gives the schema of a row of the parameters table."""
    text: Schema = {"type": "string", "minLength": 1}
    ids = array(COUNT)
    rows = {name: describe(row) for name, row in FIELDS.items()}
    words = "How many of the likeliest tokens to return at each position, with log-probabilities."
    rows["logprobs"] = {**describe("top_logprobs"), "default": None, "description": words}
    rows["echo"] = {
        "type": ["boolean", "null"],
        "default": False,
        "description": "Give the prompt ahead of the answer.",
    }
    words = "As logprobs, for the tokens of the prompt, each choice holding them."
    rows["prompt_logprobs"] = {**describe("top_logprobs"), "default": None, "description": words}
    prompt = any_of(text, ids, array(any_of(text, ids), most=MAX_PROMPTS))
    return {
        "CompletionRequest": obj({"model": model, "prompt": prompt, **rows}, ("model", "prompt")),
        "Completion": obj({
            "id": STRING, "object": {"const": "text_completion"}, "created": COUNT, "model": STRING,
            "system_fingerprint": STRING, "choices": {"type": "array", "items": OBJECT}, "usage": OBJECT,
        }),
    }  # fmt: skip
