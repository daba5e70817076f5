"""GET /openapi.json: OpenAPI 3.1, made from the models, the parameters, the routes and the error tree.

Nothing about a parameter or an error is written here; the shapes of messages and answers are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from mimo import __version__
from mimo.api.route import Route
from mimo.contract.errors import ApiError
from mimo.contract.models import Model
from mimo.contract.parameters import PARAMETERS, Parameter

Schema = dict[str, object]
_STRING: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}


def document(models: Mapping[str, Model], routes: Mapping[tuple[str, str], Route]) -> bytes:
    """The document as JSON."""
    paths: dict[str, Schema] = {}
    for (method, path), route in routes.items():
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, route)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "MiMo API",
                "version": __version__,
                "description": "Every parameter is applied exactly or refused with 400, on every engine.",
            },
            "paths": paths,
            "components": {
                "schemas": _schemas(models),
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer"},
                    "api-key": {"type": "apiKey", "in": "header", "name": "api-key"},
                    "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                },
            },
        }
    )


def _operation(method: str, path: str, route: Route) -> Schema:
    name = path.removesuffix("/{id}").strip("/").replace("/", "_").replace(".", "_")
    operation: Schema = {
        "operationId": f"{method.lower()}_{name}{'_id' if path.endswith('{id}') else ''}",
        "summary": route.summary,
        "responses": {"200": _success(path), **{str(e.status): _failure(e) for e in route.errors}},
    }
    if route.api:
        operation["security"] = [{}, {"bearer": []}, {"api-key": []}, {"x-api-key": []}]
    if path.endswith("{id}"):
        operation["parameters"] = [{"name": "id", "in": "path", "required": True, "schema": _STRING}]
    if path in _BODIES:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(_BODIES[path])}}}
    return operation


_BODIES = {"/v1/chat/completions": "ChatCompletionRequest", "/v1/tokenize": "TokenizeRequest"}
_ANSWERS = {
    "/v1/chat/completions": "ChatCompletion",
    "/v1/tokenize": "Tokens",
    "/v1/models": "ModelList",
    "/v1/models/{id}": "Model",
}


def _success(path: str) -> Schema:
    if path == "/docs":
        return {"description": "A page", "content": {"text/html": {"schema": _STRING}}}
    schema = _ref(_ANSWERS[path]) if path in _ANSWERS else {"type": "object"}
    content: Schema = {"application/json": {"schema": schema}}
    if path == "/v1/chat/completions":
        content["text/event-stream"] = {}  # OpenAPI 3.1 has no words for a stream of events
    return {"description": "Success", "content": content}


def _failure(error: type[ApiError]) -> Schema:
    content = {"application/json": {"schema": _ref("Error")}}
    return {"description": f"{error.code}: {error.__doc__}", "content": content}


def _schemas(models: Mapping[str, Model]) -> Schema:
    text: Schema = {"type": "object", "properties": {"type": {"const": "text"}, "text": _STRING}}
    content: Schema = {
        "anyOf": [_STRING, {"type": "array", "minItems": 1, "items": {**text, "required": ["type", "text"]}}]
    }
    model: Schema = {"enum": list(models)}
    messages: Schema = {"type": "array", "minItems": 1, "items": {"anyOf": list(_messages(content))}}
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
                _object({"model": model, "text": _STRING}, required=("text",), closed=True),
                _object(
                    {"model": model, "messages": messages, **thinking}, required=("model", "messages"), closed=True
                ),
            ]
        },
        "ChatCompletion": _object(
            {
                "id": _STRING,
                "object": {"const": "chat.completion"},
                "created": _COUNT,
                "model": _STRING,
                "system_fingerprint": _STRING,
                "choices": {"type": "array", "items": {"type": "object"}},
                "usage": {"type": "object"},
            }
        ),
        "Tokens": _object(
            {
                "object": {"const": "tokens"},
                "count": _COUNT,
                "ids": {"type": "array", "items": _COUNT},
                "pieces": {"type": "array", "items": _STRING},
            }
        ),
        "ModelList": _object({"object": {"const": "list"}, "data": {"type": "array", "items": _ref("Model")}}),
        "Model": _object({"id": _STRING, "object": {"const": "model"}, "created": _COUNT, "owned_by": _STRING}),
        "Error": _object(
            {
                "error": _object(
                    {
                        "code": _STRING,
                        "message": _STRING,
                        "param": {"type": ["string", "null"]},
                        "type": {"const": "error"},
                    }
                )
            }
        ),
    }


def _messages(content: Schema) -> Iterable[Schema]:
    optional: Schema = {"type": ["string", "null"]}
    for role in ("system", "developer", "user", "assistant"):
        properties = {"role": {"const": role}, "content": content, "name": optional}
        if role == "assistant":
            properties["reasoning_content"] = optional
        yield _object(properties, required=("role", "content"))
    properties = {"role": {"const": "tool"}, "content": content, "tool_call_id": {"type": "string", "minLength": 1}}
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


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
