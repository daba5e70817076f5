"""HTTP to the engines behind: which address is asked, when to ask another, and an answer as bytes while it arrives.

Several addresses are for failover alone: the first that is well is asked, and a request not yet answered is sent once
more, elsewhere. Spreading load is the business of the engine's own router. Knows no route and no format.
"""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

from mimo.contract.errors import ApiError, UpstreamError
from mimo.engines.upstream.http import errors as faults

log = logging.getLogger("mimo.upstream")
CONNECT_SECONDS = 5.0
HEALTH_SECONDS = 5.0
_RETRIED = frozenset({500, 502, 503, 504})
_AT_ONCE = 2**18
"""Bytes of a body that are handed to the connection as one."""
_HEAD = {"content-type": "application/json", "accept": "text/event-stream"}


OfStatus = Callable[[int, bytes, str | None], ApiError]
"""Status, body and `retry-after` of an answer that is not a success → the error that it is."""


class Reply:
    """An answer that has begun: its bytes as they come. Closing it ends the engine's work."""

    __slots__ = ("_first", "_response")

    def __init__(self, response: aiohttp.ClientResponse, first: bytes) -> None:
        self._response = response
        self._first = first

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Pieces of the body, never empty. Raises `UpstreamError`, `UpstreamTimeout`."""
        read = self._response.content.readany
        data = self._first
        while data:
            yield data
            try:
                data = await read()
            except faults.CAUGHT as problem:
                raise faults.of_connection(problem) from problem

    @property
    def complete(self) -> bool:
        """Whether all of it arrived, so that the connection can be used again."""
        return self._response.content.is_eof()

    def close(self) -> None:
        """Close the connection unless the body was read to its end. Idempotent."""
        self._response.close()


class Unanswered(Exception):
    """Nothing of an answer came: it may be asked for again. `lost`: a connection that was there was dropped; `refused`:
    none could be made."""

    def __init__(self, error: ApiError, *, lost: bool = False, refused: bool = False) -> None:
        super().__init__(error)
        self.error = error
        self.lost = lost
        self.refused = refused


@dataclass(eq=False)
class Address:
    """Where an engine is. `well`: whether it answered the last request, for the order in which addresses are asked;
    `ready`: whether it can be reached and says itself that it is well, which one failed request says nothing of."""

    url: str
    well: bool = True
    ready: bool = True
    failed: float = 0.0
    """When it was last not well, on the loop's clock."""

    def heard(self, well: bool) -> None:
        """What it says of itself, or that it answered."""
        self.well = self.ready = well

    def missed(self, refused: bool) -> None:
        """It did not answer a request."""
        self.well, self.failed = False, asyncio.get_running_loop().time()
        self.ready = self.ready and not refused


class Client:
    """The addresses of one engine, first choice first. `timeout`: seconds of silence that are too long."""

    def __init__(self, urls: Sequence[str], *, key: str | None = None, timeout: float = 300.0) -> None:
        self.addresses = [Address(url.rstrip("/")) for url in urls]
        self._head = {**_HEAD, "authorization": f"Bearer {key}"} if key else _HEAD
        self._timeout = timeout
        self._watch: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Make ready (on the event loop)."""
        self._session = self._made(aiohttp.TCPConnector(limit=0, keepalive_timeout=30))
        self._fresh = self._made(aiohttp.TCPConnector(limit=0, force_close=True))

    def _made(self, connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=self._timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._head,
        )

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open session; an engine that is closed has none."""
        if self._session is None:
            raise UpstreamError("the connection to the engine behind is closed")
        return self._session

    @property
    def well(self) -> bool:
        """Whether any address is ready."""
        return any(address.ready for address in self.addresses)

    def _in_turn(self) -> list[Address]:
        """Those that are well first. Where nobody looks after them one that failed is tried again after a while."""
        forgiven = asyncio.get_running_loop().time() - HEALTH_SECONDS if self._watch is None else 0.0
        return sorted(self.addresses, key=lambda address: not (address.well or address.failed < forgiven))

    async def send(self, path: str, body: bytes, of_status: OfStatus = faults.of_status) -> Reply:
        """POST `body` and wait for the first byte of the answer. Raises an `ApiError`, for an answer that is not a
        success the one that `of_status` makes of it.

        What was not answered is asked once more, at the next address; a connection that was dropped may have been an
        old one, so its address gets a second try, over a new one.
        """
        problem: Unanswered | None = None
        for address in self._in_turn()[:2]:
            for session in (self.session, self._fresh):
                try:
                    return await self._ask(session, address, path, body, of_status)
                except Unanswered as one:
                    problem = one
                    if not one.lost:
                        break
            assert problem is not None
            address.missed(problem.refused)
        assert problem is not None
        raise problem.error from problem

    async def _ask(
        self, session: aiohttp.ClientSession, address: Address, path: str, body: bytes, of_status: OfStatus
    ) -> Reply:
        try:
            data = body if len(body) < _AT_ONCE else io.BytesIO(body)  # which is sent in pieces, as it is taken
            response = await session.post(address.url + path, data=data)
            try:
                first = await self._first(response, of_status)
            except BaseException:
                response.close()
                raise
        except faults.CAUGHT as problem:
            lost = faults.is_drop(problem)
            log.log(logging.DEBUG if lost else logging.WARNING, "%s: %s: %s", address.url, type(problem), problem)
            raise Unanswered(faults.of_connection(problem), lost=lost, refused=faults.is_refusal(problem)) from problem
        address.heard(well=True)
        return Reply(response, first)

    async def _first(self, response: aiohttp.ClientResponse, of_status: OfStatus) -> bytes:
        if response.status == 200:
            if first := await response.content.readany():
                return first
            raise Unanswered(UpstreamError("the engine behind sent an empty answer"), lost=True)
        error = of_status(response.status, await response.read(), response.headers.get("retry-after"))
        if response.status in _RETRIED:
            log.warning("%s: %s", response.url, error.message)
            raise Unanswered(error)
        raise error

    async def get(self, path: str, url: str | None = None) -> Any:
        """The JSON at `path` of the first address. Raises an `ApiError`."""
        try:
            async with self.session.get((url or self.addresses[0].url) + path) as response:
                body = await response.read()
                if response.status != 200:
                    raise faults.of_status(response.status, body, response.headers.get("retry-after"))
        except faults.CAUGHT as problem:
            raise faults.of_connection(problem) from problem
        try:
            return msgspec.json.decode(body) if body else None
        except (ValueError, msgspec.MsgspecError):
            raise UpstreamError(f"the engine behind answered {path} with something that is not JSON") from None

    def watch(self, path: str) -> None:
        """Look at `path` of every address from time to time: 200 is well."""
        self._watch = asyncio.create_task(self._watching(path))

    async def _watching(self, path: str) -> None:
        brief = aiohttp.ClientTimeout(total=CONNECT_SECONDS)
        while True:
            await asyncio.sleep(HEALTH_SECONDS)
            for address in self.addresses:
                try:
                    async with self.session.get(address.url + path, timeout=brief) as response:
                        address.heard(well=response.status == 200)
                except faults.CAUGHT:
                    address.heard(well=False)

    async def close(self) -> None:
        """Close every connection. Idempotent."""
        if self._watch is not None:
            self._watch.cancel()
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()
            await self._fresh.close()


def encode(body: Mapping[str, object]) -> bytes:
    """A request's body."""
    return msgspec.json.encode(body)
