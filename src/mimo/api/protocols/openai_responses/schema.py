"""The shapes of Responses in the OpenAPI document: parameters from the one table where their form is ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mimo.api.protocols.openai_responses.request import FIELDS
from mimo.api.protocols.schema import (
    COUNT,
    FUNCTION_NAME,
    NULL,
    OBJECT,
    STRING,
    Schema,
    any_of,
    array,
    audio_part,
    content,
    media_address,
    obj,
    part,
    reshaped,
    text_part,
)
from mimo.contract.tools import MAX_TOOLS

_TOOL = part("function", {"name": FUNCTION_NAME}, {"description": STRING, "parameters": OBJECT})
_RESHAPED: Mapping[str, Schema] = {
    "tools": array(_TOOL, 0, MAX_TOOLS),
    "tool_choice": any_of({"enum": ["auto", "none", "required"]}, part("function", {"name": STRING})),
}


def schemas(model: Schema, describe: Callable[[str], Schema]) -> Schema:
    """Requests and answers by name; `describe` gives the schema of a row of the parameters table."""
    rows = {name: describe(row) for name, row in FIELDS.items()}
    rows |= {name: reshaped(rows[name], shape) for name, shape in _RESHAPED.items()}
    effort = describe("reasoning_effort")
    fields: Schema = {
        "model": model,
        "input": any_of(STRING, array(any_of(*_turns()))),
        "instructions": any_of(STRING, NULL),
        **rows,
        "reasoning": any_of(obj({"effort": effort}, ()), NULL),
        "text": any_of(obj({"format": OBJECT}, ()), NULL),
    }
    return {
        "ResponsesRequest": obj(fields, ("model", "input")),
        "Response": obj({
            "id": STRING, "object": {"const": "response"}, "created_at": COUNT, "model": STRING,
            "status": {"enum": ["completed", "incomplete"]}, "output": {"type": "array", "items": OBJECT},
            "usage": OBJECT,
        }),
    }  # fmt: skip


def _turns() -> list[Schema]:
    image = part("input_image", {"image_url": media_address("image")})
    parts = [text_part("input_text"), image, audio_part()]
    others: Schema = {"enum": ["assistant", "system", "developer"]}
    return [
        part("message", {"role": {"const": "user"}, "content": content(parts)}),
        part("message", {"role": others, "content": content([text_part("input_text")])}),
    ]
