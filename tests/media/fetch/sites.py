"""A web server that behaves as a test says, on a real socket, and a guard that lets the tests reach it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from mimo.media.fetch.addresses import Address, is_public
from mimo.media.fetch.guard import Guard

Page = Callable[[asyncio.StreamWriter], Awaitable[None]]
HERE = ip_address("127.0.0.1")


def only_here(address: Address) -> bool:
    """Public addresses, and the one where the test's server is."""
    return address == HERE or is_public(address)


class Site:
    """`pages` by path; `asked`: the heads of requests; `names`: what the resolver answers, one list a look-up."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[str] = []
        self.looked_up: list[str] = []
        self.names: dict[str, list[list[str]]] = {}
        self.open = 0
        self.most = 0
        self.port = 0

    def url(self, path: str, host: str = "media.example") -> str:
        return f"http://{host}:{self.port}{path}"

    async def resolve(self, host: str, port: int) -> list[str]:
        self.looked_up.append(host)
        answers = self.names.get(host)
        if answers is None:
            return ["127.0.0.1"]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    @property
    def guard(self) -> Guard:
        return Guard(self.resolve, only_here, (80, 443, self.port))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.asked.append(head)
            await self.pages[head.split(" ")[1]](writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            writer.close()


def page(body: bytes, status: str = "200 OK", length: int | None = None, **headers: str) -> Page:
    """An answer; `length` other than the body's is a lie."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        size = len(body) if length is None else length
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: {size}\r\n{lines}\r\n".encode() + body)
        await writer.drain()

    return answer
