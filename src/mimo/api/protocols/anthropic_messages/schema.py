"""The shapes of Anthropic's messages in the OpenAPI document: parameters from the table where the form is ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mimo.api.protocols.anthropic_messages.messages import MESSAGES, SYSTEM
from mimo.api.protocols.anthropic_messages.models import SCHEMAS as MODELS
from mimo.api.protocols.anthropic_messages.request import COUNTED, FIELDS, SHAPES
from mimo.api.protocols.schema import COUNT, NULL, OBJECT, STRING, Schema, obj
from mimo.api.protocols.shapes import field_schemas


def schemas(model: Schema, describe: Callable[[str], Schema]) -> Schema:
    """Requests and answers by name; `describe` gives the schema of a row of the parameters table."""
    conversation = {"model": model, "messages": MESSAGES.schema(), "system": SYSTEM.schema()}
    fields = conversation | field_schemas(FIELDS, SHAPES, describe)
    fields["stop_sequences"] = _array_of(fields["stop_sequences"])
    counted = {name: schema for name, schema in fields.items() if name in COUNTED}
    return {
        "MessagesRequest": obj(fields, ("model", "messages")),
        "CountRequest": obj(counted, ("model", "messages")),
        "Message": obj({
            "id": STRING, "type": {"const": "message"}, "role": {"const": "assistant"}, "model": STRING,
            "content": {"type": "array", "items": OBJECT}, "stop_reason": STRING, "usage": OBJECT,
        }),
        **MODELS,
        "TokenCount": obj({"input_tokens": COUNT}),
        "AnthropicError": obj({
            "type": {"const": "error"}, "error": obj({"type": STRING, "message": STRING}), "request_id": STRING,
        }),
    }  # fmt: skip


def _array_of(described: Any) -> Schema:
    """A parameter of several forms, in its form as an array alone."""
    forms: list[Schema] = described["anyOf"][0]["anyOf"]
    array = next(form for form in forms if form["type"] == "array")
    return {**described, "anyOf": [array, NULL], "default": None}
