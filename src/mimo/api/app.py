"""The app: around every route request id, CORS, keys, readiness and the error envelope.

A bare ASGI callable made from plain values. It knows no engine and no wire format; the routes are in `routes.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping

from mimo.api.access import check_host, check_origin
from mimo.api.auth import Keys
from mimo.api.backend import Service
from mimo.api.cors import allow_origin
from mimo.api.envelope import error_body, is_anthropic
from mimo.api.exchange import BODY_SECONDS, ClientGone, Exchange, Receive, Scope, Send
from mimo.api.protocols.fields import Wishes
from mimo.api.routes import find_routes
from mimo.chat.prompt import ChatFormat
from mimo.contract.errors import ApiError, InternalError, MethodNotAllowed, NotFound, ServiceUnavailable
from mimo.contract.media import BODY_BYTES
from mimo.contract.models import MODELS, Model
from mimo.engines.base import Engine
from mimo.media.fetch.fetcher import Fetcher

log = logging.getLogger("mimo.api")
BODY_LIMIT = 16 * 1024 * 1024
"""Bytes of a request body: a million tokens of text with room to spare."""
QUIET_SECONDS = 15.0
"""A call is sent when it is complete, and a prompt may wait: proxies give a silent connection up after 60 seconds."""


class App:
    """The API as an ASGI callable. Without `engine` and `chat_format` it is loading until `answer_with` is called.

    `keys`: who may come in (empty: everybody). `strict`: unknown fields are refused. `body_limit` in bytes; None:
    `BODY_LIMIT`, or `BODY_BYTES` where the engine takes media. `fetcher`: lets media be named by URL.
    `cors_origins`: pages of other origins that may use the API. `hosts`: names it may be asked by, None for any
    (`access.py`). `require_reasoning_passback`: contract section 3.
    `repetition_truncation`: end an answer that has entered a loop. `body_seconds`: how long a body may take to arrive.
    `quiet_seconds`: a stream that says nothing for so long, or for twice that at the most, sends a comment.
    """

    def __init__(
        self,
        engine: Engine | None = None,
        chat_format: ChatFormat | None = None,
        models: Mapping[str, Model] = MODELS,
        *,
        keys: Iterable[str] = (),
        strict: bool = False,
        body_limit: int | None = None,
        cors_origins: Collection[str] = (),
        hosts: Collection[str] | None = None,
        require_reasoning_passback: bool = False,
        repetition_truncation: bool = True,
        body_seconds: float = BODY_SECONDS,
        quiet_seconds: float = QUIET_SECONDS,
        fetcher: Fetcher | None = None,
    ) -> None:
        self.models = models
        self.keys = Keys(keys)
        self.wishes = Wishes(strict, require_reasoning_passback, media_urls=fetcher is not None)
        self.fetcher = fetcher
        self._body_limit = body_limit
        self.body_seconds = body_seconds
        self.quiet_seconds = quiet_seconds
        self.repetition_truncation = repetition_truncation
        self.cors_origins = frozenset(cors_origins)
        self.hosts = hosts
        self.draining = False
        """Set when the server is going down: what runs may finish, nothing new is taken."""
        self.running: set[Exchange] = set()
        """Exchanges of API routes that are not finished."""
        self._service: Service | None = None
        if engine is not None and chat_format is not None:
            self.answer_with(engine, chat_format)

    def answer_with(self, engine: Engine, chat_format: ChatFormat) -> None:
        """Answer with `engine`, which has started, from now on."""
        self._service = Service(engine, chat_format, self.models, self.repetition_truncation, self.fetcher)

    @property
    def body_limit(self) -> int:
        """Bytes of the largest body that is read."""
        if self._body_limit is not None:
            return self._body_limit
        return BODY_BYTES if self._service is not None and self._service.engine.media else BODY_LIMIT

    @property
    def ready(self) -> bool:
        """Whether requests are answered: the engine is there and the server is not going down."""
        return self._service is not None and not self.draining

    @property
    def service(self) -> Service:
        """What to answer from. Raises `ServiceUnavailable` while there is nothing."""
        return self._check_ready()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP exchange. Every error becomes the envelope, or one error event in a stream that has begun."""
        if scope["type"] != "http":
            raise NotImplementedError(f"only HTTP is spoken here, not {scope['type']}")
        exchange = Exchange(scope, receive, send)
        if is_anthropic(exchange.path):
            exchange.common.append(("request-id", exchange.id))  # where its SDK looks
        try:
            with exchange:
                await self._answer(exchange)
        except ClientGone:
            pass
        except ApiError as error:
            await _send_error(exchange, error)
        except Exception:
            log.exception("request %s failed", exchange.id)
            await _send_error(exchange, InternalError("internal error"))
        finally:
            self.running.discard(exchange)

    def _check_ready(self) -> Service:
        if self.draining:
            raise ServiceUnavailable("the server is shutting down", headers={"retry-after": "5"})
        if self._service is None:
            raise ServiceUnavailable("the model is still loading", headers={"retry-after": "2"})
        return self._service

    async def _answer(self, exchange: Exchange) -> None:
        if self.draining:
            exchange.common.append(("connection", "close"))
        routes, argument = find_routes(exchange.path)
        allowed = ", ".join([*routes, "OPTIONS"])
        check_host(exchange, self.hosts)
        allow_origin(exchange, self.cors_origins, allowed)
        if not routes:
            raise NotFound(f"there is no route {exchange.path[:200]}; GET /docs shows those there are")
        if exchange.method == "OPTIONS":
            return await exchange.reply(204, b"", headers=[("allow", allowed)])
        check_origin(exchange, self.cors_origins)
        if exchange.method not in routes:
            wanted = f"{exchange.path} takes {allowed}, got {exchange.method}"
            raise MethodNotAllowed(wanted, headers={"allow": allowed})
        route = routes[exchange.method]
        if route.api:
            self.keys.check(exchange.headers)
            self._check_ready()  # before a body is read
            self.running.add(exchange)
        await route.answer(self, exchange, argument)


async def _send_error(exchange: Exchange, error: ApiError) -> None:
    if exchange.streaming:
        await exchange.end(exchange.last_words(error))
    elif not exchange.started:
        await exchange.reply(error.status, error_body(error, exchange.id, exchange.path), headers=error.headers.items())
