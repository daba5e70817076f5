"""GET /openapi.json: OpenAPI 3.1, made from the models, the parameters, the routes and the error tree.

Nothing about a parameter or an error is written here; the shapes are in `openapi_schemas.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mimo import __version__
from mimo.api.endpoints.openapi.schemas import STRING, Schema, ref, schemas
from mimo.api.envelope import is_anthropic
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
        "responses": {"200": _success(path), **{str(e.status): _failure(e, path) for e in route.errors}},
    }
    if route.api:
        operation["security"] = [{}, {"bearer": []}, {"api-key": []}, {"x-api-key": []}]
    if path.endswith("{id}"):
        operation["parameters"] = [{"name": "id", "in": "path", "required": True, "schema": STRING}]
    if (body := _shape(path, _BODIES)) is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": ref(body)}}}
    return operation


_BODIES = {
    "/v1/chat/completions": "ChatCompletionRequest",
    "/v1/responses": "ResponsesRequest",
    "/v1/completions": "CompletionRequest",
    "/v1/messages": "MessagesRequest",
    "/v1/messages/count_tokens": "CountRequest",
    "/v1/tokenize": "TokenizeRequest",
}
_ANSWERS = {
    "/v1/chat/completions": "ChatCompletion",
    "/v1/responses": "Response",
    "/v1/completions": "Completion",
    "/v1/messages": "Message",
    "/v1/messages/count_tokens": "TokenCount",
    "/v1/tokenize": "Tokens",
    "/v1/models": "ModelList",
    "/v1/models/{id}": "Model",
}
_STREAMED = ("/v1/chat/completions", "/v1/responses", "/v1/completions", "/v1/messages")


def _shape(path: str, names: Mapping[str, str]) -> str | None:
    """What `names` says of `path`, or of the path that it is another name of."""
    return names.get(path.removeprefix("/anthropic"))


def _success(path: str) -> Schema:
    if path == "/docs":
        return {"description": "A page", "content": {"text/html": {"schema": STRING}}}
    answer = _shape(path, _ANSWERS)
    schema = ref(answer) if answer else {"type": "object"}
    content: Schema = {"application/json": {"schema": schema}}
    if path.removeprefix("/anthropic") in _STREAMED:
        content["text/event-stream"] = {}  # OpenAPI 3.1 has no words for a stream of events
    return {"description": "Success", "content": content}


def _failure(error: type[ApiError], path: str) -> Schema:
    envelope = "AnthropicError" if is_anthropic(path) else "Error"
    content = {"application/json": {"schema": ref(envelope)}}
    return {"description": f"{error.code}: {error.__doc__}", "content": content}
