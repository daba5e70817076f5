"""GET /openapi.json: OpenAPI 3.1, made from the models, the parameters, the routes and the error tree.

Nothing about a parameter or an error is written here; the shapes are in `schemas.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from mimo import __version__
from mimo.api.backend import Backend
from mimo.api.endpoints.openapi.schemas import schemas
from mimo.api.exchange import JSON, Exchange
from mimo.api.protocols.schema import OBJECT, STRING, Schema, ref
from mimo.api.route import Answer, Route
from mimo.contract.errors import ApiError, UpstreamError, UpstreamTimeout
from mimo.contract.models import Model

_OF_UPSTREAM = (UpstreamError, UpstreamTimeout)
"""Errors of a route that generates, where the engine runs elsewhere."""


def openapi(table: Callable[[], Mapping[tuple[str, str], Route]]) -> Answer:
    """The handler; `table()` gives the routes, this one among them."""

    async def answer(backend: Backend, exchange: Exchange, _: str) -> None:
        upstream = backend.ready and bool(backend.engine.upstreams)
        await exchange.reply(200, document(backend.models, table(), upstream=upstream))

    return answer


def document(models: Mapping[str, Model], routes: Mapping[tuple[str, str], Route], *, upstream: bool = False) -> bytes:
    """The document as JSON. `upstream`: the engine runs elsewhere, so answers can fail there."""
    paths: dict[str, Schema] = {}
    for (method, path), route in routes.items():
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, route, upstream)
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


def _operation(method: str, path: str, route: Route, upstream: bool) -> Schema:
    name = path.replace("/{id}", "").strip("/").replace("/", "_").replace(".", "_")
    errors = [*route.refusals, *(_OF_UPSTREAM if upstream and route.streams else ())]
    responses = {str(route.status): _success(route), **{str(e.status): _failure(e, route) for e in errors}}
    operation: Schema = {
        "operationId": f"{method.lower()}_{name}{'_id' if '{id}' in path else ''}",
        "summary": route.summary,
        "responses": responses,
    }
    if route.api:
        operation["security"] = [{}, {"bearer": []}, {"api-key": []}, {"x-api-key": []}]
    if "{id}" in path:
        operation["parameters"] = [{"name": "id", "in": "path", "required": True, "schema": STRING}]
    if route.request is not None:
        content = {"application/json": {"schema": ref(route.request)}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _success(route: Route) -> Schema:
    schema = STRING if route.content_type != JSON else ref(route.response) if route.response else OBJECT
    content: Schema = {route.content_type.partition(";")[0]: {"schema": schema}}
    if route.streams:
        content["text/event-stream"] = {}  # OpenAPI 3.1 has no words for a stream of events
    return {"description": "Success", "content": content}


def _failure(error: type[ApiError], route: Route) -> Schema:
    content = {"application/json": {"schema": ref(route.errors.schema)}}
    return {"description": f"{error.code}: {error.__doc__}", "content": content}
