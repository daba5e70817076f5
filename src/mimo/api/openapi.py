"""GET /openapi.json: OpenAPI 3.1, made from the models, the parameters, the routes and the error tree.

Nothing about a parameter or an error is written here; the shapes are in `openapi_schemas.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mimo import __version__
from mimo.api.openapi_schemas import STRING, Schema, ref, schemas
from mimo.api.route import Route
from mimo.contract.errors import ApiError
from mimo.contract.models import Model


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
                "schemas": schemas(models),
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
        operation["parameters"] = [{"name": "id", "in": "path", "required": True, "schema": STRING}]
    if path in _BODIES:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": ref(_BODIES[path])}}}
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
        return {"description": "A page", "content": {"text/html": {"schema": STRING}}}
    schema = ref(_ANSWERS[path]) if path in _ANSWERS else {"type": "object"}
    content: Schema = {"application/json": {"schema": schema}}
    if path == "/v1/chat/completions":
        content["text/event-stream"] = {}  # OpenAPI 3.1 has no words for a stream of events
    return {"description": "Success", "content": content}


def _failure(error: type[ApiError]) -> Schema:
    content = {"application/json": {"schema": ref("Error")}}
    return {"description": f"{error.code}: {error.__doc__}", "content": content}
