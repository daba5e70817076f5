"""One request and its answer on one connection, over bare ASGI.

Watches for the client leaving, and writes either one body or a stream of chunks. It knows no route and no wire format.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextvars import ContextVar
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl

from mimo.api.encoding import decoded
from mimo.api.envelope import OPENAI, ErrorForm
from mimo.api.keep_alive import KeepAlive
from mimo.api.observer import CLIENT_LEFT, Admission, Answered, Settlement
from mimo.api.request_body import ClientGone, Receive, RequestBody, Room
from mimo.api.slow_work import SlowWork
from mimo.contract.errors import ApiError

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Iterable[tuple[str, str]]
ErrorFrame = Callable[[ApiError, str], bytes]
"""An error and the request id → the last frame of a stream."""

JSON = "application/json"
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is being answered, for the log; "" outside of any."""
LARGE_BODY = 2**20
"""Bytes of a body after whose request the memory is worth giving back, however soon it was refused."""
_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


class Exchange:
    """A request (`method`, `path`, `query`, `headers`, `id`) and the writing side of its answer.

    As a context manager it turns `cut` into an exception inside the block: whatever the block awaits is cancelled, and
    the reason is raised in its place.
    """

    late: Callable[[], Headers] = tuple
    """Headers that are known only when the answer begins."""
    key: bytes | None = None
    """Digest of the API key that let the request in; None on an open server."""
    protocol = ""
    """The name of the protocol that it speaks, if any."""
    admission: Admission | None = None
    settlement: Settlement | None = None
    status = 0
    """That of the answer, once it has begun."""
    of_operator = False
    """Whether that key is one of the operator's own, or the server is open."""
    errors: ErrorForm = OPENAI
    error_frame: ErrorFrame | None = None
    """What ends the stream that has begun, when it fails."""
    started = False
    receiving = False
    """Whether the body is arriving: such a request has not begun, and need not be waited for."""
    _keep_alive: KeepAlive | None = None
    _trim_soon: Callable[[], None] | None = None
    """Called at the end, where something large was there."""
    _task: asyncio.Task[Any] | None = None
    _watch: asyncio.Task[None] | None = None
    _reason: Exception | None = None

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        query = scope.get("query_string")
        self.query: dict[str, str] = dict(parse_qsl(query.decode("latin-1"))) if query else {}
        self.headers = _headers(scope["headers"])
        given = self.headers.get(b"x-request-id", b"")
        self.id: str = given.decode() if _SANE_ID.fullmatch(given) else f"req_{os.urandom(12).hex()}"
        REQUEST_ID.set(self.id)
        self.common: list[tuple[str, str]] = [("x-request-id", self.id)]
        """Headers of every answer on this exchange."""
        self.began = time.perf_counter()
        self._body = RequestBody(self.headers, receive)
        self._receive = receive
        self._send = send

    def header(self, name: str) -> str | None:
        """The value of a request header, or None; of one that was sent several times all, with commas between."""
        value = self.headers.get(name.encode())
        return None if value is None else value.decode("latin-1")

    async def body(self, limit: int, seconds: float, slow: SlowWork, room: Room) -> bytes:
        """The whole body, decompressed by `slow`; from then on a client that leaves ends the exchange.

        Raises what `RequestBody.read` does, and `UnsupportedMediaType` for an unknown `content-encoding`.
        """
        self.receiving = True
        try:
            body = await self._body.read(limit, seconds, room, self.cut)
        finally:
            self.receiving = False
        if len(body) >= LARGE_BODY:
            self._trim_soon = slow.trim_soon
        self._watch = asyncio.create_task(self._until_gone())
        encodings = self.header("content-encoding")
        return body if encodings is None else await slow.run(decoded, body, encodings, limit)

    def forget_body(self) -> None:
        """The body is decoded, and nobody has it any more: its room is for others."""
        self._body.release()

    def _close_after(self) -> None:
        """Say that the connection ends with this answer: the rest of the body stays unread."""
        self._body.unread = False
        if ("connection", "close") not in self.common:
            self.common.append(("connection", "close"))

    async def reply(self, status: int, body: bytes, content_type: str = JSON, headers: Headers = ()) -> None:
        """Send the whole answer."""
        if self._body.unread:
            await self._body.drain()
            if self._body.unread:
                self._close_after()
        lines = [("content-length", str(len(body)))]
        if body or content_type != JSON:
            lines.append(("content-type", content_type))
        await self._start(status, [*lines, *headers])
        await self._send({"type": "http.response.body", "body": b"" if self.method == "HEAD" else body})

    async def start_stream(self, content_type: str, headers: Headers, alive: bytes, error_frame: ErrorFrame) -> None:
        """Open a stream: `write` follows, then `end`. `alive` is what `keep_alive` sends between them."""
        self.error_frame = error_frame
        await self._start(200, [("content-type", content_type), ("cache-control", "no-cache"), *headers])
        self._keep_alive = KeepAlive(self._write, alive)

    def write(self, chunk: bytes) -> Awaitable[None]:
        """Send a piece of the stream: to be awaited, which takes as long as the client reads too slowly."""
        assert self._keep_alive is not None
        self._keep_alive.silent = False
        return self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    def keep_alive(self) -> None:
        """Called every few seconds: if nothing was written since the last call, the stream says that it is alive."""
        if self._keep_alive is not None:
            self._keep_alive.tick()

    async def end(self, chunk: bytes = b"") -> None:
        """Send the last piece of the stream."""
        if self._keep_alive is not None:
            self._keep_alive.sign = b""
        await self._send({"type": "http.response.body", "body": chunk})

    async def fail(self, error: ApiError) -> None:
        """Answer with `error`, in the form that fits what has been sent; nothing where the answer is out already."""
        if self.error_frame is not None:
            await self.end(self.error_frame(error, self.id))
        elif not self.started:
            await self.reply(error.status, self.errors.body(error, self.id), headers=error.headers.items())

    def answered(self, error: BaseException | None) -> Answered:
        """What there is to say of the exchange at its end; `error` is what ended it, if one did."""
        seconds = time.perf_counter() - self.began
        status = CLIENT_LEFT if isinstance(error, ClientGone) else getattr(error, "status", self.status)
        return Answered(
            self.id,
            self.method,
            self.path,
            self.protocol,
            status,
            time.time() - seconds,
            seconds,
            self.key,
            error,
            self.admission,
            self.settlement,
            self.header("traceparent"),
        )

    def close(self, error: BaseException | None) -> None:
        """Let go of the request, which would else stay in memory until garbage is collected: `error`, which ended it,
        knows the frames that it came through, and they know the error."""
        for one in (error, self.settlement.error if self.settlement else None):
            while one is not None:
                one.__traceback__ = None
                one = one.__context__
        self.settlement = self.admission = self._watch = None
        self.late = tuple

    @property
    def cut_by(self) -> Exception | None:
        """What ended the exchange from outside, if anything did."""
        return self._reason

    def cut(self, reason: Exception) -> None:
        """End the exchange from outside: `reason` is raised inside its block."""
        if self.receiving:
            self._close_after()
        if self._task is not None and self._reason is None:
            self._reason = reason
            self._task.cancel()

    def __enter__(self) -> Exchange:
        self._task = asyncio.current_task()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        if self._keep_alive is not None:
            self._keep_alive.stop()
        self._body.release()
        if self._trim_soon is not None:
            self._trim_soon()
        if self._watch is not None:
            self._watch.cancel()
        self._keep_alive = self._watch = None  # which hold the exchange, as its reason does: it goes at once
        reason, self._reason = self._reason, None
        if reason is not None and task is not None:
            task.uncancel()
            if kind is asyncio.CancelledError:
                raise reason from None

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.cut(ClientGone())

    async def _start(self, status: int, headers: Headers) -> None:
        self.started = True
        self.status = status
        lines = [(name.encode(), value.encode("latin-1")) for name, value in (*self.common, *self.late(), *headers)]
        await self._send({"type": "http.response.start", "status": status, "headers": lines})

    def _write(self, chunk: bytes) -> Awaitable[None]:
        return self._send({"type": "http.response.body", "body": chunk, "more_body": True})


def _headers(sent: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """By name, which ASGI has in lower case. What was sent twice is joined: one Host hides no other behind it."""
    made: dict[bytes, bytes] = {}
    for name, value in sent:
        made[name] = made[name] + b", " + value if name in made else value
    return made
