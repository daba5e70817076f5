"""The shapes in the OpenAPI document: requests from the parameters table, messages and answers written out here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mimo.api.endpoints.openapi.media import chat_parts, content, text_part
from mimo.api.endpoints.openapi.protocols import protocol_schemas
from mimo.contract.models import Model
from mimo.contract.parameters import PARAMETERS, Parameter

Schema = dict[str, object]
STRING: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}


def schemas(models: Mapping[str, Model]) -> Schema:
    """Everything that the paths refer to, by name."""
    model: Schema = {"enum": list(models)}
    messages: Schema = {"type": "array", "minItems": 1, "items": {"anyOf": list(_messages())}}
    thinking = {name: _parameter(PARAMETERS[name], models) for name in ("thinking", "reasoning_effort")}
    return {
        "ChatCompletionRequest": _object(
            {
                "model": model,
                "messages": messages,
                **{row.name: _parameter(row, models) for row in PARAMETERS.values()},
            },
            required=("model", "messages"),
        ),
        "TokenizeRequest": {
            "anyOf": [
                _object({"model": model, "text": STRING}, required=("text",), closed=True),
                _object(
                    {"model": model, "messages": messages, **thinking}, required=("model", "messages"), closed=True
                ),
            ]
        },
        "ChatCompletion": _object(
            {
                "id": STRING,
                "object": {"const": "chat.completion"},
                "created": COUNT,
                "model": STRING,
                "system_fingerprint": STRING,
                "choices": {"type": "array", "items": {"type": "object"}},
                "usage": {"type": "object"},
            }
        ),
        "Tokens": _object(
            {
                "object": {"const": "tokens"},
                "count": COUNT,
                "ids": {"type": "array", "items": COUNT},
                "pieces": {"type": "array", "items": STRING},
            }
        ),
        **protocol_schemas(model, lambda row: _parameter(row, models)),
        "ModelList": _object({"object": {"const": "list"}, "data": {"type": "array", "items": ref("Model")}}),
        "Model": _object({"id": STRING, "object": {"const": "model"}, "created": COUNT, "owned_by": STRING}),
        "Error": _object(
            {
                "error": _object(
                    {
                        "code": STRING,
                        "message": STRING,
                        "param": {"type": ["string", "null"]},
                        "type": {"const": "error"},
                    }
                )
            }
        ),
    }


def _messages() -> Iterable[Schema]:
    optional: Schema = {"type": ["string", "null"]}
    text, parts = content([text_part()]), content(chat_parts())
    for role in ("system", "developer", "user", "assistant"):
        properties = {"role": {"const": role}, "content": parts if role == "user" else text, "name": optional}
        if role == "assistant":
            properties["reasoning_content"] = optional
        yield _object(properties, required=("role", "content"))
    properties = {"role": {"const": "tool"}, "content": parts, "tool_call_id": {"type": "string", "minLength": 1}}
    yield _object(properties, required=("role", "content", "tool_call_id"))


def _parameter(row: Parameter, models: Mapping[str, Model]) -> Schema:
    schema = row.schema()
    if row.name in ("max_completion_tokens", "max_tokens"):
        schema["maximum"] = max(model.max_completion_tokens for model in models.values())
    words = f"{row.description} {row.tip}".strip()
    return {"anyOf": [schema, {"type": "null"}], "default": _json_default(row), "description": words}


def _json_default(row: Parameter) -> object:
    """The default as a value that the field itself may hold; null where it is drawn or depends on the model."""
    fits = {"number": (int, float), "integer": (int,), "boolean": (bool,)}.get(row.type, ())
    return row.default if isinstance(row.default, fits) else None


def _object(properties: Mapping[str, object], required: Iterable[str] | None = None, closed: bool = False) -> Schema:
    needed = list(properties if required is None else required)
    closing = {"additionalProperties": False} if closed else {}
    return {"type": "object", "properties": dict(properties), "required": needed, **closing}


def ref(name: str) -> Schema:
    """A reference to the shape called `name`."""
    return {"$ref": f"#/components/schemas/{name}"}
