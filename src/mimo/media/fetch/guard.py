"""Where a fetch may go: which URLs, and which addresses. Every connection of a fetch is made to an address that was
checked here, and every redirect is looked at as the first URL was.

    URL → scheme, credentials, port → name looked up once → every address of it checked → connected to just those

Knows no content. Its errors say nothing of the network that this server is in: a name that
does not exist and one that leads inside get the same error.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Container
from dataclasses import dataclass
from ipaddress import ip_address

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import AddrInfoType
from yarl import URL

from mimo.media.fetch.addresses import Policy, is_public

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a name, as text; `OSError` where there are none."""

_LONGEST = 8192
UNREACHABLE = "leads to a host that is not fetched from: only public addresses of the internet are"


class Refused(Exception):
    """A URL that is not followed; the words complete a sentence that begins with it."""


async def resolve(host: str, port: int) -> list[str]:
    """Ask the system."""
    loop = asyncio.get_running_loop()
    return [str(row[4][0]) for row in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(frozen=True, slots=True)
class Guard:
    """What a fetch is allowed. `resolve` looks names up, `allows` judges an address; the defaults are for production,
    others for tests."""

    resolve: Resolve = resolve
    allows: Policy = is_public
    ports: Container[int] = (80, 443)

    def target(self, text: str, before: URL | None = None) -> URL:
        """The URL that `text` is, seen from the one `before` it. Raises `Refused`."""
        if len(text) > _LONGEST:
            raise Refused(f"must have at most {_LONGEST} characters")
        try:
            url = _parsed(text) if before is None else before.join(_parsed(text))
            port, host = url.port, url.host
        except ValueError:
            raise Refused("is not a valid URL") from None
        if url.scheme not in ("http", "https") or not host:
            raise Refused("must be an http or https URL with a host")
        if before is not None and (before.scheme, url.scheme) == ("https", "http"):
            raise Refused("redirects from https to http")
        if url.user is not None or url.password is not None:
            raise Refused("must not hold a user or a password")
        if port not in self.ports:
            raise Refused("must not name a port: only the usual ones of http and https are fetched from")
        return url

    def check(self, address: str) -> None:
        """Raise `Refused` unless `address` may be connected to."""
        try:
            allowed = self.allows(ip_address(address))
        except ValueError:
            allowed = False
        if not allowed:
            raise Refused(UNREACHABLE)

    def connecting(self, row: AddrInfoType) -> socket.socket:
        """The socket to connect to `row`: the last look, whichever way the address came."""
        self.check(str(row[4][0]))
        made = socket.socket(row[0], row[1], row[2])
        made.setblocking(False)
        return made


def _parsed(text: str) -> URL:
    """`text` to the letter where all of it may stand in a request's first line: signatures cover how it is written."""
    return URL(text, encoded=text.isascii() and text.isprintable() and " " not in text)


class Resolver(AbstractResolver):
    """Gives a connector the addresses of a name, all of them checked. One that has any other is refused whole."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises `Refused`."""
        try:
            found = await self._guard.resolve(host, port)
        except (OSError, UnicodeError):
            found = []
        for address in found:
            self._guard.check(address)
        if not found:
            raise Refused(UNREACHABLE)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in dict.fromkeys(found)
        ]

    async def close(self) -> None:
        """Nothing to close."""
