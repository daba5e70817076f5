"""The shapes of Anthropic's messages in the OpenAPI document: parameters from the table where the form is ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mimo.api.protocols.anthropic_messages.request import COUNTED, FIELDS
from mimo.api.protocols.schema import (
    COUNT,
    FUNCTION_NAME,
    NULL,
    OBJECT,
    STRING,
    Schema,
    any_of,
    array,
    content,
    media_address,
    obj,
    part,
    reshaped,
    text_part,
)
from mimo.contract.tools import MAX_TOOLS

_BOOLEAN: Schema = {"type": "boolean"}
_TOOL = obj({"name": FUNCTION_NAME, "description": STRING, "input_schema": OBJECT}, ("name", "input_schema"))
_CHOICE = {"type": {"enum": ["auto", "any", "none", "tool"]}, "name": STRING, "disable_parallel_tool_use": _BOOLEAN}
_RESHAPED: Mapping[str, Schema] = {
    "tools": array(_TOOL, 0, MAX_TOOLS),
    "tool_choice": obj(_CHOICE, ("type",)),
}


def schemas(model: Schema, describe: Callable[[str], Schema]) -> Schema:
    """Requests and answers by name; `describe` gives the schema of a row of the parameters table."""
    rows = {name: describe(row) for name, row in FIELDS.items()}
    rows |= {name: reshaped(rows[name], shape) for name, shape in _RESHAPED.items()}
    rows["stop_sequences"] = reshaped(rows["stop_sequences"], _array_of(rows["stop_sequences"]))
    system = any_of(STRING, array(text_part()), NULL)
    fields: Schema = {"model": model, "messages": array(any_of(*_turns())), "system": system, **rows}
    counted = {name: schema for name, schema in fields.items() if name in COUNTED}
    return {
        "MessagesRequest": obj(fields, ("model", "messages")),
        "CountRequest": obj(counted, ("model", "messages")),
        "Message": obj({
            "id": STRING, "type": {"const": "message"}, "role": {"const": "assistant"}, "model": STRING,
            "content": {"type": "array", "items": OBJECT}, "stop_reason": STRING, "usage": OBJECT,
        }),
        "TokenCount": obj({"input_tokens": COUNT}),
        "AnthropicError": obj({
            "type": {"const": "error"}, "error": obj({"type": STRING, "message": STRING}), "request_id": STRING,
        }),
    }  # fmt: skip


def _array_of(described: Any) -> Schema:
    """Of the forms that a parameter may have, the array."""
    forms: list[Schema] = described["anyOf"][0]["anyOf"]
    return next(form for form in forms if form["type"] == "array")


def _turns() -> list[Schema]:
    inline = obj({"type": {"const": "base64"}, "media_type": STRING, "data": media_address("image", "base64")})
    image = part("image", {"source": any_of(inline, part("url", {"url": STRING}))})
    return [
        obj({"role": {"const": "user"}, "content": content([text_part(), image])}),
        obj({"role": {"const": "assistant"}, "content": content([text_part()])}),
    ]
