"""The shapes of Responses in the OpenAPI document: parameters from the one table where their form is ours."""

from __future__ import annotations

from collections.abc import Callable

from mimo.api.protocols.openai_responses.messages import INPUT
from mimo.api.protocols.openai_responses.request import FIELDS, SHAPES
from mimo.api.protocols.schema import COUNT, OBJECT, STRING, Schema, any_of, obj
from mimo.api.protocols.shapes import field_schemas


def schemas(model: Schema, describe: Callable[[str], Schema]) -> Schema:
    """Requests and answers by name; `describe` gives the schema of a row of the parameters table."""
    conversation = {"model": model, "input": any_of(STRING, INPUT.schema())}
    fields = conversation | field_schemas(FIELDS, SHAPES, describe)
    return {
        "ResponsesRequest": obj(fields, ("model", "input")),
        "Response": obj({
            "id": STRING, "object": {"const": "response"}, "created_at": COUNT, "model": STRING,
            "status": {"enum": ["completed", "incomplete"]}, "output": {"type": "array", "items": OBJECT},
            "usage": OBJECT,
        }),
        "InputTokens": obj({"object": {"const": "response.input_tokens"}, "input_tokens": COUNT}),
    }  # fmt: skip
