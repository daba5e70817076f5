"""The routes as one literal table: method and path → the function that answers.

A path that ends in `{id}` takes whatever follows. A new route is a function and a line here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING

from mimo.api.backend import Service
from mimo.api.endpoints import models, tokenize
from mimo.api.endpoints.openapi import document as openapi
from mimo.api.exchange import Exchange
from mimo.api.protocols.anthropic_messages import protocol as anthropic
from mimo.api.protocols.fields import Wishes
from mimo.api.protocols.openai_chat.protocol import chat_completions
from mimo.api.protocols.openai_completions.protocol import completions
from mimo.api.protocols.openai_responses.protocol import responses
from mimo.api.route import Route
from mimo.api.site.docs import page as docs
from mimo.contract.errors import InvalidRequest, NotFound, RateLimitExceeded, RequestTooLarge, ServiceUnavailable

if TYPE_CHECKING:
    from mimo.api.app import App


_Answer = Callable[[Service, Exchange, bytes, Wishes], Coroutine[None, None, None]]


def _of_body(answer: _Answer) -> Callable[[App, Exchange, str], Coroutine[None, None, None]]:
    """Read the body and answer it. No reference to it stays here: with media in it, it is large."""

    async def route(app: App, exchange: Exchange, _: str) -> None:
        body = await exchange.body(app.body_limit, app.body_seconds)
        answering = answer(app.service, exchange, body, app.wishes)
        del body
        await answering

    return route


async def _models(app: App, exchange: Exchange, _: str) -> None:
    await exchange.reply(200, models.model_list(app.service))


async def _model(app: App, exchange: Exchange, model_id: str) -> None:
    await exchange.reply(200, models.model_object(app.service, model_id))


async def _tokenize(app: App, exchange: Exchange, _: str) -> None:
    body = await exchange.body(app.body_limit, app.body_seconds)
    await exchange.reply(200, await asyncio.to_thread(tokenize.tokenize, app.service, body))


async def _health(app: App, exchange: Exchange, _: str) -> None:
    await exchange.reply(200, b'{"status":"ok"}')


async def _ready(app: App, exchange: Exchange, _: str) -> None:
    engine = app.service.engine  # raises while there is none
    if not engine.well:
        raise ServiceUnavailable("the upstream is down", headers={"retry-after": "5"})
    name = engine.info.engine
    await exchange.reply(200, b'{"status":"ready","engine":"%b"}' % name.encode())


async def _openapi(app: App, exchange: Exchange, _: str) -> None:
    await exchange.reply(200, openapi.document(app.models, ROUTES))


async def _docs(app: App, exchange: Exchange, _: str) -> None:
    page = docs.page(app.models, ROUTES, exchange.header("host"))
    await exchange.reply(200, page, "text/html; charset=utf-8", docs.HEADERS)


_BODY_ERRORS = (InvalidRequest, RequestTooLarge, NotFound)
_ANSWER_ERRORS = (*_BODY_ERRORS, RateLimitExceeded)
_MESSAGES = Route(
    _of_body(anthropic.messages), "Answer a conversation on the Anthropic protocol, whole or streamed", _ANSWER_ERRORS
)
_COUNT = Route(
    _of_body(anthropic.count_tokens), "Count the tokens of a conversation on the Anthropic protocol", _BODY_ERRORS
)

ROUTES: Mapping[tuple[str, str], Route] = {
    ("POST", "/v1/chat/completions"): Route(
        _of_body(chat_completions), "Answer a conversation, whole or streamed", _ANSWER_ERRORS
    ),
    ("POST", "/v1/responses"): Route(
        _of_body(responses), "Answer on the Responses protocol, stateless", _ANSWER_ERRORS
    ),
    ("POST", "/v1/completions"): Route(_of_body(completions), "Continue raw text or token ids", _ANSWER_ERRORS),
    ("POST", "/v1/messages"): _MESSAGES,
    ("POST", "/v1/messages/count_tokens"): _COUNT,
    ("POST", "/anthropic/v1/messages"): _MESSAGES,
    ("POST", "/anthropic/v1/messages/count_tokens"): _COUNT,
    ("GET", "/v1/models"): Route(_models, "The models, their limits and parameters"),
    ("GET", "/v1/models/{id}"): Route(_model, "One model", (NotFound,)),
    ("POST", "/v1/tokenize"): Route(_tokenize, "Text or messages to token ids", _BODY_ERRORS),
    ("GET", "/healthz"): Route(_health, "Whether the process answers", api=False),
    ("GET", "/readyz"): Route(_ready, "Whether the model answers", (ServiceUnavailable,), api=False),
    ("GET", "/openapi.json"): Route(_openapi, "This API as an OpenAPI document", api=False),
    ("GET", "/docs"): Route(_docs, "This API as a page", api=False),
}


def find_routes(path: str) -> tuple[dict[str, Route], str]:
    """Routes of `path` by method (GET answers HEAD too), and what stands in the place of `{id}`."""
    found: dict[str, Route] = {}
    argument = ""
    for (method, pattern), route in ROUTES.items():
        prefix = pattern.removesuffix("{id}")
        if pattern == path or (prefix != pattern and path.startswith(prefix) and path != prefix):
            found[method] = route
            argument = path[len(prefix) :]
    if "GET" in found:
        found["HEAD"] = found["GET"]
    return found, argument
