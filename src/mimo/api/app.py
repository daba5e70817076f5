"""The app: around every route request id, CORS, keys, readiness and the error envelope.

A bare ASGI callable made from plain values. It knows no route, no engine and no wire format.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from mimo.accounts.accounts import Accounts
from mimo.api.access import check_host, check_origin
from mimo.api.auth import Keys
from mimo.api.backend import Backend, Exporter, Loaded
from mimo.api.batches.store import Store
from mimo.api.batches.worker import Worker
from mimo.api.cors import allow_origin
from mimo.api.exchange import Exchange, Scope, Send
from mimo.api.observer import Observer
from mimo.api.policy import DEFAULT, Policy
from mimo.api.request_body import ClientGone, Receive
from mimo.api.route import Match, Routes
from mimo.chat.prompt import ChatFormat
from mimo.contract.errors import (
    ApiError,
    AuthenticationFailed,
    InternalError,
    MethodNotAllowed,
    NotFound,
    ServiceUnavailable,
)
from mimo.contract.models import MODELS, Model
from mimo.engines.base import Engine
from mimo.media.fetch.fetcher import Fetcher

log = logging.getLogger("mimo.api")
QUIET_SECONDS = 15.0
"""A call is sent when it is complete, and a prompt may wait: proxies give a silent connection up after 60 seconds."""


class App:
    """The API as an ASGI callable. Without `engine` and `chat_format` it is loading until `answer_with` is called.

    `keys`: who may come in (empty: everybody). `policy`: how requests are read and answers are ended. `observer`: sees
    every request that is answered. `fetcher`: lets media be named by URL. `cors_origins`: pages of other origins that
    may use the API. `hosts`: names it may be asked by, None for any (`access.py`). `quiet_seconds`: a stream that is
    silent for so long, or for twice that at the most, sends a comment. `store`: keeps files and batches. `accounts`:
    keys besides `keys`, and who may see which usage. `metrics`: what GET /metrics says. `all_started`: whether the
    workers are that answer on the same address.
    """

    def __init__(
        self,
        engine: Engine | None = None,
        chat_format: ChatFormat | None = None,
        models: Mapping[str, Model] = MODELS,
        *,
        routes: Routes,
        keys: Iterable[str] = (),
        policy: Policy = DEFAULT,
        observer: Observer | None = None,
        accounts: Accounts | None = None,
        fetcher: Fetcher | None = None,
        store: Store | None = None,
        metrics: Exporter | None = None,
        all_started: Callable[[], bool] = lambda: True,
        cors_origins: Collection[str] = (),
        hosts: Collection[str] | None = None,
        quiet_seconds: float = QUIET_SECONDS,
    ) -> None:
        self.keys = Keys(keys, accounts, routes.key_headers)
        self.routes = routes
        self.cors_origins = frozenset(cors_origins)
        self.hosts = hosts
        self.quiet_seconds = quiet_seconds
        self.draining = False
        """Whether the server is shutting down: what runs may finish, nothing new is taken."""
        self.running: set[Exchange] = set()
        """Exchanges of API routes that are not finished."""
        policy = replace(policy, media_urls=fetcher is not None)
        observer = observer or Observer()
        self.backend = Backend(
            models, policy, observer, fetcher, store=store, accounts=accounts, metrics=metrics, all_started=all_started
        )  # fmt: skip
        """What requests that come now are answered from."""
        if engine is not None and chat_format is not None:
            self.answer_with(engine, chat_format)

    def answer_with(self, engine: Engine, chat_format: ChatFormat) -> None:
        """Answer with `engine`, which has started, from now on."""
        self.backend = replace(self.backend, loaded=Loaded(engine, chat_format))

    def take(
        self,
        models: Mapping[str, Model],
        keys: Iterable[str],
        policy: Policy,
        cors_origins: Collection[str],
        hosts: Collection[str] | None,
    ) -> None:
        """Answer requests that come from now on by these; those that run go on as they began."""
        self.keys = Keys(keys, self.backend.accounts, self.routes.key_headers)
        self.cors_origins, self.hosts = frozenset(cors_origins), hosts
        old = self.backend.policy
        policy = replace(policy, media_urls=old.media_urls, open_metrics=old.open_metrics)
        self.backend = replace(self.backend, models=models, policy=policy)

    async def run_batches(self) -> None:
        """Answer what is in the store, until cancelled."""
        if self.backend.store is not None:
            worker = Worker(self.backend.store, lambda: self.backend, self.routes)
            self.backend = replace(self.backend, new_batch=worker.wake)
            await worker.run()

    def drain(self) -> None:
        """Take no new request; running ones go on."""
        self.draining = True
        self.backend = replace(self.backend, loaded=ServiceUnavailable.shutting_down)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP exchange. Every error becomes the envelope, or one error event in a stream that has begun."""
        if scope["type"] != "http":
            raise NotImplementedError(f"only HTTP is spoken here, not {scope['type']}")
        exchange = Exchange(scope, receive, send)
        ended_by: Exception | None = None
        try:
            with exchange:
                await self._answer(exchange)
        except ClientGone as gone:
            ended_by = gone
        except ApiError as error:
            ended_by = error
            await exchange.fail(error)
        except (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # a panic of a library in Rust is no Exception
            log.exception("request %s failed", exchange.id)
            ended_by = InternalError("internal error")
            await exchange.fail(ended_by)
        finally:
            self.running.discard(exchange)
            self.backend.report(exchange.answered(ended_by))
            exchange.close(ended_by)
            ended_by = None

    async def _answer(self, exchange: Exchange) -> None:
        match = self.routes.find(exchange.path)
        self._add_headers(exchange, match)
        check_host(exchange, self.hosts)
        allow_origin(exchange, self.cors_origins, match.allowed)
        if not match.routes:
            raise NotFound(f"there is no route {exchange.path[:200]}; GET /docs shows those there are")
        if exchange.method == "OPTIONS":
            return await exchange.reply(204, b"", headers=[("allow", match.allowed)])
        check_origin(exchange, self.cors_origins)
        if exchange.method not in match.routes:
            wanted = f"{exchange.path} takes {match.allowed}, got {exchange.method}"
            raise MethodNotAllowed(wanted, headers={"allow": match.allowed})
        route = match.routes[exchange.method]
        exchange.protocol = route.protocol
        if route.api:
            self._admit(exchange)
        elif route.for_operators and not self.backend.policy.open_metrics:
            if not self.keys:
                raise AuthenticationFailed(
                    "this is for who has a key, and this server has none: start it with --metrics open"
                )
            exchange.key = self.keys.check(exchange.headers)
        await route.answer(self.backend, exchange, match.argument)

    def _add_headers(self, exchange: Exchange, match: Match) -> None:
        exchange.errors = match.errors
        exchange.common += [(name, exchange.id) for name in match.errors.id_headers]
        if self.draining:
            exchange.common.append(("connection", "close"))

    def _admit(self, exchange: Exchange) -> None:
        """Check the key, and that there is an engine, before a body is read."""
        exchange.key = self.keys.check(exchange.headers)
        exchange.of_operator = self.keys.is_configured(exchange.key)
        self.backend.started()
        self.running.add(exchange)
