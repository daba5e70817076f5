"""The routes as one table: method and path → the function that answers. Those of a protocol come from its row.

A new route that belongs to no protocol is a function and a line here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mimo.api.answer import answer
from mimo.api.backend import Backend
from mimo.api.endpoints.accounts import own_key, usage
from mimo.api.endpoints.batches import batch, batches, cancel, create
from mimo.api.endpoints.files import BYTES, content, delete, file, files, upload
from mimo.api.endpoints.health import health, ready, root
from mimo.api.endpoints.metrics import TEXT, metrics
from mimo.api.endpoints.models import model, models
from mimo.api.endpoints.openapi.document import openapi
from mimo.api.endpoints.tokenize import tokenize
from mimo.api.endpoints.tokenizer import detokenize, tokenizer_info
from mimo.api.endpoints.tokenizer import tokenize as vllm_tokenize
from mimo.api.exchange import Exchange
from mimo.api.protocols import PROTOCOLS
from mimo.api.protocols.base import Protocol
from mimo.api.route import ANSWER_ERRORS, BODY_ERRORS, Answer, Route, Routes
from mimo.api.site.docs.page import HTML, SVG, docs, icon
from mimo.contract.errors import InvalidRequest, NotFound, PermissionDenied, ServiceUnavailable, UnsupportedMediaType

Routed = dict[tuple[str, str], Route]


def _runner(protocol: Protocol[Any]) -> Answer:
    return lambda backend, exchange, _: answer(protocol, backend, exchange)


def _of_protocol(protocol: Protocol[Any]) -> Iterator[tuple[tuple[str, str], Route]]:
    route = Route(
        _runner(protocol),
        protocol.summary,
        ANSWER_ERRORS,
        errors=protocol.errors,
        request=protocol.request,
        response=protocol.response,
        streams=True,
        protocol=protocol.name,
    )
    for path in protocol.paths:
        yield ("POST", path), route
    yield from protocol.others.items()


def _shared(path: str, route: Route) -> Routed:
    """A GET route that protocols may have in a form of their own, for clients that name the protocol by its header."""
    forms = [(protocol.header, own) for protocol in PROTOCOLS if (own := protocol.shared.get(("GET", path)))]

    async def shared(backend: Backend, exchange: Exchange, argument: str) -> None:
        form = next((own for header, own in forms if exchange.header(header)), route)
        exchange.errors = form.errors
        await form.answer(backend, exchange, argument)

    return {("GET", path): replace(route, answer=shared)}


_ANSWERING = [path for protocol in PROTOCOLS for path in protocol.paths]
ROUTES: Routes = Routes(
    {
        **{key: route for protocol in PROTOCOLS for key, route in _of_protocol(protocol)},
        **_shared("/v1/models", Route(models, "The models, their limits and parameters", response="ModelList")),
        **_shared("/v1/models/{id}", Route(model, "One model", (NotFound,), response="Model")),
        ("POST", "/v1/tokenize"): Route(
            tokenize, "Text or messages to token ids", BODY_ERRORS, request="TokenizeRequest", response="Tokens"
        ),
        ("POST", "/tokenize"): Route(
            vllm_tokenize, "Text or messages to token ids, in vLLM's form", BODY_ERRORS, request="VllmTokenizeRequest"
        ),
        ("POST", "/detokenize"): Route(
            detokenize, "Token ids to text, in vLLM's form", BODY_ERRORS, request="VllmDetokenizeRequest"
        ),
        ("GET", "/tokenizer_info"): Route(tokenizer_info, "The names of the tokenizer's tokens, in vLLM's form"),
        ("POST", "/v1/files"): Route(
            upload, "Send a file for a batch, as a form", (*BODY_ERRORS, UnsupportedMediaType)
        ),
        ("GET", "/v1/files"): Route(files, "The files", (InvalidRequest,)),
        ("GET", "/v1/files/{id}"): Route(file, "One file", (NotFound,)),
        ("DELETE", "/v1/files/{id}"): Route(delete, "Delete a file", (NotFound,)),
        ("GET", "/v1/files/{id}/content"): Route(content, "What is in a file", (NotFound,), content_type=BYTES),
        ("POST", "/v1/batches"): Route(create(_ANSWERING), "Answer the requests in a file, later", BODY_ERRORS),
        ("GET", "/v1/batches"): Route(batches, "The batches", (InvalidRequest,)),
        ("GET", "/v1/batches/{id}"): Route(batch, "One batch", (NotFound,)),
        ("POST", "/v1/batches/{id}/cancel"): Route(cancel, "End a batch", (NotFound, InvalidRequest)),
        ("GET", "/v1/key"): Route(own_key, "What your key may do, and has used"),
        ("GET", "/v1/usage"): Route(
            usage, "What everybody has used, for admins", (PermissionDenied, NotFound, InvalidRequest)
        ),
        ("GET", "/"): Route(root, "To the documentation", api=False, content_type=HTML, status=307),
        ("GET", "/healthz"): Route(health, "Whether the process answers", api=False),
        ("GET", "/health"): Route(health, "As /healthz, for harnesses", api=False),
        ("GET", "/readyz"): Route(ready, "Whether the model answers", (ServiceUnavailable,), api=False),
        ("GET", "/metrics"): Route(
            metrics, "Counts and times, for Prometheus", (NotFound,), api=False, for_operators=True, content_type=TEXT
        ),
        ("GET", "/openapi.json"): Route(openapi(lambda: ROUTES.table), "This API as an OpenAPI document", api=False),
        ("GET", "/favicon.ico"): Route(icon, "The icon of these pages", api=False, content_type=SVG),
        ("GET", "/docs"): Route(docs(lambda: ROUTES.table), "This API as a page", api=False, content_type=HTML),
    },
    {prefix: protocol.errors for protocol in PROTOCOLS for prefix in protocol.prefixes},
    tuple(protocol.key_header for protocol in PROTOCOLS if protocol.key_header),
)
