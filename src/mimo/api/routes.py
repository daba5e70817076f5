"""The routes as one table: method and path → the function that answers. Those of a protocol come from its row.

A new route that belongs to no protocol is a function and a line here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mimo.api.answer import answer
from mimo.api.backend import Backend
from mimo.api.endpoints.health import health, ready
from mimo.api.endpoints.models import model, models
from mimo.api.endpoints.openapi.document import openapi
from mimo.api.endpoints.tokenize import tokenize
from mimo.api.exchange import Exchange
from mimo.api.protocols import PROTOCOLS
from mimo.api.protocols.base import Protocol
from mimo.api.route import ANSWER_ERRORS, BODY_ERRORS, Answer, Route, Routes
from mimo.api.site.docs.page import HTML, docs
from mimo.contract.errors import NotFound, ServiceUnavailable


def _runner(protocol: Protocol[Any]) -> Answer:
    async def run(backend: Backend, exchange: Exchange, _: str) -> None:
        await answer(protocol, backend, exchange)

    return run


def _of_protocol(protocol: Protocol[Any]) -> Iterator[tuple[tuple[str, str], Route]]:
    route = Route(
        _runner(protocol),
        protocol.summary,
        ANSWER_ERRORS,
        errors=protocol.errors,
        request=protocol.request,
        response=protocol.response,
        streams=True,
    )
    for path in protocol.paths:
        yield ("POST", path), route
    yield from protocol.others.items()


ROUTES: Routes = Routes(
    {
        **{key: route for protocol in PROTOCOLS for key, route in _of_protocol(protocol)},
        ("GET", "/v1/models"): Route(models, "The models, their limits and parameters", response="ModelList"),
        ("GET", "/v1/models/{id}"): Route(model, "One model", (NotFound,), response="Model"),
        ("POST", "/v1/tokenize"): Route(
            tokenize, "Text or messages to token ids", BODY_ERRORS, request="TokenizeRequest", response="Tokens"
        ),
        ("GET", "/healthz"): Route(health, "Whether the process answers", api=False),
        ("GET", "/readyz"): Route(ready, "Whether the model answers", (ServiceUnavailable,), api=False),
        ("GET", "/openapi.json"): Route(openapi(lambda: ROUTES.table), "This API as an OpenAPI document", api=False),
        ("GET", "/docs"): Route(docs(lambda: ROUTES.table), "This API as a page", api=False, content_type=HTML),
    },
    {prefix: protocol.errors for protocol in PROTOCOLS for prefix in protocol.prefixes},
)
