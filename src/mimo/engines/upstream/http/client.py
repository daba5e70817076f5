"""HTTP to an upstream: which address is asked, when to ask another, and an answer as bytes while it arrives.

Several addresses are for failover alone: the first that answers is asked, and a request not yet answered is sent once
more, elsewhere. Spreading load is the business of the upstream's own router. Knows no route and no format.
"""

from __future__ import annotations

import asyncio
import io
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from mimo.contract.errors import ApiError, EngineError, UpstreamError, shown
from mimo.engines.base import UpstreamState
from mimo.engines.upstream.http import errors
from mimo.engines.upstream.http.address import Address
from mimo.engines.upstream.http.reply import Reply

log = logging.getLogger("mimo.upstream")
CONNECT_SECONDS = 5.0
HEALTH_SECONDS = 5.0
_RETRIED = frozenset({500, 502, 503, 504})
_AT_ONCE = 2**18
"""Bytes of a body that are handed to the connection as one."""
_ERROR_BYTES, _JSON_BYTES = 2**16, 2**24
"""How much is read of a body that says what went wrong, and of one that describes the upstream."""
_HEAD = {"content-type": "application/json", "accept": "text/event-stream", "accept-encoding": "identity"}

OfStatus = Callable[[int, bytes, str | None], ApiError]
"""Status, body and `retry-after` of an answer that is not a success → the error that it is."""


class Unanswered(Exception):
    """Nothing of an answer came: it may be asked for again. `lost`: a connection that was there was dropped; `refused`:
    none could be made."""

    def __init__(self, error: ApiError, *, lost: bool = False, refused: bool = False) -> None:
        super().__init__(error)
        self.error = error
        self.lost = lost
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Probe:
    """A health check: GET `path` every `seconds`. `at_once`: the first time now. `healthy(status)`: what is well."""

    path: str
    seconds: float = HEALTH_SECONDS
    at_once: bool = False
    healthy: Callable[[int], bool] = lambda status: status == 200


class Client:
    """The addresses of one upstream, first choice first. `timeout`: seconds without data before giving up."""

    def __init__(self, urls: Sequence[str], *, key: str | None = None, timeout: float = 300.0) -> None:
        """Raises `EngineError` for what is no address."""
        self.addresses = [Address(_checked(url).rstrip("/")) for url in urls]
        if key and any(address.shown != address.url for address in self.addresses):
            raise EngineError(
                "an upstream is asked with --upstream-key or with a password in its address, not with both"
            )
        self._head = {**_HEAD, "authorization": f"Bearer {key}"} if key else _HEAD
        self._timeout = timeout
        self._watch: asyncio.Task[None] | None = None
        self._forgets = True
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
            auto_decompress=False,  # a compressed answer may be of any size, and its tokens would wait for each other
        )

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open session; a closed client has none."""
        if self._session is None:
            raise UpstreamError("the connection to the upstream is closed")
        return self._session

    @property
    def states(self) -> list[UpstreamState]:
        """Every address, in the order they were given in."""
        return [UpstreamState(at.shown, at.reachable, at.failures, at.failovers) for at in self.addresses]

    @property
    def healthy(self) -> bool:
        """Whether any address is reachable."""
        return any(address.reachable for address in self.addresses)

    def _in_turn(self) -> list[Address]:
        """Those whose last request succeeded first. Without frequent health checks a failure is forgotten after a
        while."""
        forgiven = asyncio.get_running_loop().time() - HEALTH_SECONDS if self._forgets else 0.0
        return sorted(self.addresses, key=lambda address: not (address.last_ok or address.failed_at < forgiven))

    async def send(self, path: str, body: bytes, of_status: OfStatus = errors.of_status) -> Reply:
        """POST `body` and wait for the first byte of the answer. Raises an `ApiError`, for an answer that is not a
        success the one that `of_status` makes of it.

        Retries once: on a dropped keep-alive connection at the same address over a new one, otherwise at the next
        address. A redirect is not followed: the prompt goes to the addresses that were configured and nowhere else.
        """
        problem: Unanswered | None = None
        before: Address | None = None
        for address in self._in_turn()[:2]:
            if before is not None:
                before.failovers += 1
            for session in (self.session, self._fresh):
                try:
                    return await self._ask(session, address, path, body, of_status)
                except Unanswered as one:
                    problem = one
                    if not one.lost:
                        break
            assert problem is not None
            address.report_failure(problem.refused, errors.why(problem.error))
            address.failures += 1
            before = address
        assert problem is not None
        raise problem.error from problem

    async def _ask(
        self, session: aiohttp.ClientSession, address: Address, path: str, body: bytes, of_status: OfStatus
    ) -> Reply:
        try:
            data = body if len(body) < _AT_ONCE else io.BytesIO(body)  # which is sent in pieces, as it is taken
            response = await session.post(address.url + path, data=data, allow_redirects=False)
            try:
                first = await self._first(response, of_status)
            except BaseException:
                response.close()
                raise
        except errors.CAUGHT as problem:
            lost = errors.is_drop(problem)
            level = logging.DEBUG if lost else logging.WARNING  # of what is lost another request may make nothing
            log.log(level, "%s%s did not answer: %s", address.shown, path, errors.why(problem))
            error = errors.of_connection(problem)
            error.__cause__ = problem
            raise Unanswered(error, lost=lost, refused=errors.is_refusal(problem)) from problem
        address.report_ok()
        return Reply(response, first, self._timeout)

    async def _first(self, response: aiohttp.ClientResponse, of_status: OfStatus) -> bytes:
        if response.headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
            raise UpstreamError("upstream compressed its answer, which it was asked not to")
        if response.status == 200:
            if first := await response.content.readany():
                return first
            raise Unanswered(UpstreamError("upstream sent an empty answer"), lost=True)
        body = await _read(response, _ERROR_BYTES)
        error = of_status(response.status, body, response.headers.get("retry-after"))
        log.warning("%s answered %s: %s", response.url, response.status, errors.words(body))
        if response.status in _RETRIED:
            raise Unanswered(error)
        raise error

    async def get(self, path: str, url: str | None = None) -> Any:
        """The JSON at `path` of the first address. Raises an `ApiError`."""
        try:
            async with self.session.get((url or self.addresses[0].url) + path, allow_redirects=False) as response:
                body = await _read(response, _JSON_BYTES)
                if response.status != 200:
                    raise errors.of_status(response.status, body, response.headers.get("retry-after"))
        except errors.CAUGHT as problem:
            raise errors.of_connection(problem) from problem
        try:
            return msgspec.json.decode(body) if body else None
        except (ValueError, RecursionError, msgspec.MsgspecError):
            raise UpstreamError(f"upstream answered {path} with something that is not JSON") from None

    def watch(self, probe: Probe) -> None:
        """Ask every address from time to time."""
        self._forgets = probe.seconds > HEALTH_SECONDS
        self._watch = asyncio.create_task(self._watching(probe))

    async def _watching(self, probe: Probe) -> None:
        if not probe.at_once:
            await asyncio.sleep(probe.seconds)
        while True:
            await self.check(probe)
            await asyncio.sleep(probe.seconds)

    async def check(self, probe: Probe) -> None:
        """Ask every address now."""
        await asyncio.gather(*(self._check(address, probe) for address in self.addresses))

    async def _check(self, address: Address, probe: Probe) -> None:
        brief = aiohttp.ClientTimeout(total=CONNECT_SECONDS)
        try:
            async with self.session.get(address.url + probe.path, timeout=brief, allow_redirects=False) as response:
                status = response.status
        except errors.CAUGHT as problem:
            return address.report_failure(True, errors.why(problem))
        if probe.healthy(status):
            return address.report_ok()
        address.report_failure(True, f"it answered {probe.path} with {status}")

    async def close(self) -> None:
        """Close every connection. Idempotent."""
        if self._watch is not None:
            self._watch.cancel()
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()
            await self._fresh.close()


def _checked(url: str) -> str:
    try:
        parts = URL(url)
        good = parts.scheme in ("http", "https") and bool(parts.host) and not re.search(r"\s", url)
    except ValueError:
        good = False
    if not good:
        raise EngineError(f"upstream must be an address such as http://127.0.0.1:8001, got {shown(url)}")
    return url


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The first `limit` bytes of a body."""
    body = bytearray()
    while len(body) < limit and (more := await response.content.readany()):
        body += more
    return bytes(body[:limit])


def encode(body: Mapping[str, object]) -> bytes:
    """A request's body."""
    return msgspec.json.encode(body)
