"""The shapes of chat completions in the OpenAPI document: requests from the parameters table, the rest written out."""

from __future__ import annotations

from collections.abc import Callable

from mimo.api.protocols.openai_chat.functions import SCHEMAS
from mimo.api.protocols.openai_chat.messages import MESSAGES
from mimo.api.protocols.openai_chat.request import FIELDS
from mimo.api.protocols.schema import COUNT, OBJECT, STRING, Schema, obj


def schemas(model: Schema, describe: Callable[[str], Schema]) -> Schema:
    """Requests and answers by name; `describe` gives the schema of a row of the parameters table."""
    rows: Schema = {name: describe(row) for name, row in FIELDS.items()}
    return {
        "ChatCompletionRequest": obj(
            {"model": model, "messages": MESSAGES.schema(), **rows, **SCHEMAS}, ("model", "messages")
        ),
        "ChatCompletion": obj({
            "id": STRING, "object": {"const": "chat.completion"}, "created": COUNT, "model": STRING,
            "system_fingerprint": STRING, "choices": {"type": "array", "items": OBJECT}, "usage": OBJECT,
        }),
    }  # fmt: skip
