"""A server that speaks Chat Completions, as a client sees it: its models, and an answer piece by piece or whole.

Ours or any compatible one. What a server says is taken as it is; knows no terminal.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from mimo.cli.chat.wire import Chunk, Ending, Listed, Models, Piece, Usage, error_code, error_message
from mimo.cli.chat.wrap import visible
from mimo.contract.errors import ApiError, StartError
from mimo.engines.upstream.http.sse import DONE, Events

CONNECT_SECONDS, SILENT_SECONDS = 10.0, 600.0
_CAUGHT = (aiohttp.ClientError, asyncio.TimeoutError, OSError)


class ServerError(StartError):
    """A server that cannot be reached, refused the request, or sent what is no answer: one line a person can act on,
    with nothing in it that a terminal acts on."""

    def __init__(self, message: str) -> None:
        super().__init__(visible(message))


class TooLong(ServerError):
    """What was asked does not fit the model's context window."""


class NotThere(ServerError):
    """A route that the server does not have."""


def base_url(given: str) -> str:
    """The address that `/chat/completions` is put behind: `/v1` of a bare host. Raises `ServerError`."""
    url = given.strip().rstrip("/")
    try:
        parsed = URL(url)
        usable = parsed.scheme in ("http", "https") and bool(parsed.host) and parsed.port is not None
        usable = usable and not (parsed.user or parsed.query_string or parsed.fragment)
    except ValueError:
        usable = False
    if not usable:
        raise ServerError(f"--url must be an address such as http://127.0.0.1:8000, got {given!r}")
    url = url.removesuffix("/chat/completions")
    return f"{url}/v1" if parsed.path in ("", "/") else url


class Server:
    """A server at `url` (with its `/v1`), asked with `key` if there is one. Use it in an `async with` block.

    Raises `ServerError` for a key that no header can hold.
    """

    def __init__(self, url: str, key: str | None = None) -> None:
        if key is not None and not (key.isascii() and key.isprintable()):  # else it could write other headers
            raise ServerError("the key for --url must be printable ASCII; is there a line end or a quote in it?")
        self.url = url
        self._head = {"authorization": f"Bearer {key}"} if key else {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Server:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENT_SECONDS)
        proxied = not _is_loopback(self.url)  # a proxy from the environment reaches another machine's loopback
        self._session = aiohttp.ClientSession(timeout=timeout, headers=self._head, trust_env=proxied)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def models(self) -> list[Listed]:
        """Every model it lists. Raises `ServerError`."""
        body = await self._whole("GET", "/models")
        try:
            return msgspec.json.decode(body, type=Models).data
        except (ValueError, RecursionError, msgspec.MsgspecError):
            raise ServerError(f"{self.url}/models lists no models; is this an OpenAI-compatible API?") from None

    async def whole(self, body: Mapping[str, object]) -> bytes:
        """The response to a request that does not stream, as it came. Raises `ServerError`."""
        return await self._whole("POST", "/chat/completions", body)

    async def stream(self, body: Mapping[str, object]) -> AsyncGenerator[Piece | Ending, None]:
        """The pieces of the answer as they come, and how it ended. Closing it ends the server's work.

        Raises `ServerError`.
        """
        wanted = {**body, "stream": True, "stream_options": {"include_usage": True}}
        reason, usage = "", Usage()
        try:
            async with self._sent("POST", "/chat/completions", wanted) as response:
                await self._check(response)
                async for chunk in self._chunks(response):
                    usage, reason = chunk.usage or usage, chunk.reason or reason
                    for piece in chunk.pieces():
                        yield piece
        except _CAUGHT as problem:
            raise self._lost(problem) from problem
        if not reason:
            raise ServerError(f"{self.url} ended its answer before it was complete")
        yield Ending(reason, usage)

    async def _chunks(self, response: aiohttp.ClientResponse) -> AsyncGenerator[Chunk, None]:
        events = Events()
        try:
            async for data in response.content.iter_any():
                for event in events.feed(data):
                    if event == DONE:
                        return
                    yield self._chunk(event)
            for event in events.end():
                if event != DONE:
                    yield self._chunk(event)
        except ApiError as problem:  # an event that is too large
            raise ServerError(f"{self.url}: {problem}") from problem

    def _chunk(self, event: bytes) -> Chunk:
        try:
            chunk = msgspec.json.decode(event, type=Chunk)
        except (ValueError, RecursionError, msgspec.MsgspecError) as problem:
            raise ServerError(f"{self.url} streamed something that is no chat completion: {problem}") from None
        if chunk.error:
            raise ServerError(error_message(event) or "the server ended its answer with an error")
        return chunk

    async def _whole(self, method: str, path: str, body: Mapping[str, object] | None = None) -> bytes:
        try:
            async with self._sent(method, path, body) as response:
                await self._check(response)
                whole: bytes = await response.read()
                return whole
        except _CAUGHT as problem:
            raise self._lost(problem) from problem

    def _sent(self, method: str, path: str, body: Mapping[str, object] | None) -> Any:
        assert self._session is not None, "used outside its block"
        data = None if body is None else msgspec.json.encode(body)
        head = {"content-type": "application/json"} if data else {}
        return self._session.request(method, self.url + path, data=data, headers=head, allow_redirects=False)

    async def _check(self, response: aiohttp.ClientResponse) -> None:
        if response.status == 200:
            return
        body = await response.content.read(2**16)
        said = error_message(body)
        if said and response.status not in (401, 404, 405):
            raise (TooLong if error_code(body) == "context_length_exceeded" else ServerError)(said)
        where = f"{response.method} {response.url} answered {response.status}"
        if 300 <= response.status < 400:
            raise ServerError(f"{where} and leads to {response.headers.get('location')}: give that address to --url")
        if response.status == 401:
            said = f"{said or 'it wants a key'}; give it with --key or MIMO_API_KEY"
        kind = NotThere if response.status in (404, 405, 501) else ServerError
        raise kind(f"{where}: {said}" if said else where)

    def _lost(self, problem: BaseException) -> ServerError:
        if isinstance(problem, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            why = getattr(problem, "strerror", None) or "no answer in time"
            return ServerError(f"{self.url} cannot be reached: {why}; is a server running there?")
        if isinstance(problem, asyncio.TimeoutError):
            return ServerError(f"{self.url} sent nothing for {SILENT_SECONDS:g} seconds")
        return ServerError(f"{self.url} closed the connection before its answer was complete")


def _is_loopback(url: str) -> bool:
    host = URL(url).host or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
