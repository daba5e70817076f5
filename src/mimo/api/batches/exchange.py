"""One request to a route without a connection: its body in, the answer out. Errors are answers too."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from mimo.api.backend import Backend
from mimo.api.exchange import JSON, Exchange
from mimo.api.route import Route
from mimo.contract.errors import ApiError, InternalError

log = logging.getLogger("mimo.api")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `retry_after`: seconds after which it is worth asking again."""

    status: int
    body: bytes
    request_id: str
    retry_after: float


async def ask(route: Route, backend: Backend, path: str, body: bytes, owner: str) -> Reply:
    """Answer `body`, sent to `path` by `owner` (the digest of a key in hex, "": none)."""
    sent: list[MutableMapping[str, Any]] = []
    incoming = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> MutableMapping[str, Any]:
        if not incoming:
            await asyncio.Event().wait()  # nobody leaves
        return incoming.pop()

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    headers = [(b"content-type", JSON.encode()), (b"content-length", str(len(body)).encode())]
    exchange = Exchange({"method": "POST", "path": path, "headers": headers}, receive, send)
    exchange.errors, exchange.protocol = route.errors, route.protocol
    exchange.key = bytes.fromhex(owner) if owner else None
    ended_by: ApiError | None = None
    try:
        with exchange:
            await route.answer(backend, exchange, "")
    except ApiError as error:
        ended_by = error
    except Exception:
        log.exception("request %s of a batch failed", exchange.id)
        ended_by = InternalError("internal error")
    if ended_by is not None:
        await exchange.fail(ended_by)
    backend.report(exchange.answered(ended_by))
    answer = {name: value for name, value in sent[0]["headers"]}
    retry = answer.get(b"retry-after", b"")
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return Reply(sent[0]["status"], content, exchange.id, float(retry) if retry.isdigit() else 1.0)
