"""The content at a URL as a data URI: fetched by us, so that the upstream never follows a client's URL.

    URL → guard → GET → redirect? the guard again → status, encoding → pieces, counted → base64 → what the content is

What a server says of its content (length, type) is a hint at most: bytes are counted as they come, and say the type.
Nothing that was fetched is ever repeated to the client, nor where it came from.
"""

from __future__ import annotations

import asyncio
import binascii
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import aiohttp

from mimo.contract.errors import ApiError, RequestTooLarge
from mimo.contract.media import MAX_FETCHED, MEDIA, megabytes
from mimo.media.content import check_size, checked, refused
from mimo.media.fetch.guard import Guard, Refused, Resolver
from mimo.media.sniff import HEAD
from mimo.types import Media

log = logging.getLogger("mimo.fetch")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = {"accept": "*/*", "accept-encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What fetching may cost.

    `seconds`: for one URL from the request on, redirects and waiting for a place included; `connect`: for a connection;
    `silent`: between two pieces of an answer; `rate`: bytes a second that content must have come at, after `silent`
    seconds. `hops`: redirects. `at_once`: URLs at the same time, of all requests; `of_request`: of one request.
    """

    seconds: float = 60.0
    connect: float = 5.0
    silent: float = 10.0
    rate: int = 64 * 1024
    hops: int = 3
    at_once: int = 32
    of_request: int = 4


class Fetcher:
    """Fetches for all requests of a process, and calls itself `agent`."""

    def __init__(self, guard: Guard | None = None, bounds: Bounds | None = None, agent: str = "mimo") -> None:
        self._headers = {**_HEADERS, "user-agent": agent}
        self._guard = guard or Guard()
        self._bounds = bounds or Bounds()
        self._places = asyncio.Semaphore(self._bounds.at_once)

    async def fetch(self, wanted: Sequence[Media]) -> list[Media]:
        """The same media with their content. The first that fails ends the others.

        Raises `InvalidRequest` and `RequestTooLarge` with the path of the one that failed.
        """
        budget = _ByteBudget()
        own = asyncio.Semaphore(self._bounds.of_request)
        tasks = [asyncio.create_task(self._within_time(media, budget, own)) for media in wanted]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _within_time(self, media: Media, budget: _ByteBudget, own: asyncio.Semaphore) -> Media:
        try:
            async with asyncio.timeout(self._bounds.seconds), own, self._places, self._session() as session:
                return await self._follow(session, media, budget)
        except ApiError:
            raise
        except aiohttp.ServerTimeoutError:
            words = f"could not be fetched: its server said nothing for {self._bounds.silent:g} seconds"
        except TimeoutError:
            words = f"could not be fetched within {self._bounds.seconds:g} seconds"
        except Refused as problem:
            words = str(problem)
        except (aiohttp.ClientError, OSError, ValueError) as problem:
            log.info("%s: %s: %s", media.path, type(problem).__name__, problem)
            words = "could not be fetched: its server cannot be reached or broke off"
        raise refused(media, f"is a URL that {words}; send the content as a data URI") from None

    def _session(self) -> aiohttp.ClientSession:
        """For one URL: no connection, cookie or proxy is shared with anything else."""
        connector = aiohttp.TCPConnector(
            resolver=Resolver(self._guard),
            socket_factory=self._guard.connecting,
            use_dns_cache=False,
            force_close=True,
        )
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._bounds.connect, sock_read=self._bounds.silent),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            headers=self._headers,
        )

    async def _follow(self, session: aiohttp.ClientSession, media: Media, budget: _ByteBudget) -> Media:
        url = self._guard.target(media.url)
        for _ in range(self._bounds.hops + 1):
            async with session.get(url, allow_redirects=False) as response:
                if response.status in _REDIRECTS and "location" in response.headers:
                    url = self._guard.target(response.headers["location"], url)
                    continue
                if response.status != 200:
                    log.info("%s: answered with status %d", media.path, response.status)
                    raise Refused("was not answered with its content")
                if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
                    raise Refused("was answered with a compressed content, which was not asked for")
                return await self._content(response, media, budget)
        raise Refused(f"redirects more than {self._bounds.hops} times")

    async def _content(self, response: aiohttp.ClientResponse, media: Media, budget: _ByteBudget) -> Media:
        """Read, counted, as base64."""
        limit = MEDIA[media.kind].fetched
        if response.content_length is not None:
            check_size(response.content_length, limit, media)
        pieces: list[str] = []
        size, head, rest = 0, b"", b""
        clock = asyncio.get_running_loop().time
        begun = clock()
        async for piece in response.content.iter_any():
            size += len(piece)
            check_size(size, limit, media, so_far=True)
            budget.spend(len(piece), media)
            gone = clock() - begun
            if gone > self._bounds.silent and size < self._bounds.rate * gone:
                raise Refused(f"comes too slowly: at least {self._bounds.rate // 1024} KiB a second are needed")
            if len(head) < HEAD:
                head += piece[: HEAD - len(head)]
            whole = rest + piece
            cut = len(whole) - len(whole) % 3  # base64 in steps of three bytes needs no padding between pieces
            pieces.append(binascii.b2a_base64(whole[:cut], newline=False).decode())
            rest = whole[cut:]
        if not size:
            raise Refused("holds nothing")
        pieces.append(binascii.b2a_base64(rest, newline=False).decode())
        form = checked(head, "", media)
        return replace(
            media,
            url="".join((f"data:{MEDIA[media.kind].formats[form][0]};base64,", *pieces)),
            format=form,
            size=size,
        )


class _ByteBudget:
    """What all URLs of one request may hold together."""

    def __init__(self) -> None:
        self.spent = 0

    def spend(self, size: int, media: Media) -> None:
        self.spent += size
        if self.spent > MAX_FETCHED:
            words = f"{media.path} brings what is fetched for this request over {megabytes(MAX_FETCHED)}"
            raise RequestTooLarge(f"{words}; name fewer or smaller media", param=media.path)
