"""Many requests to a server at once, and what each client saw of its usage."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

MODEL = "mimo-v2-flash"


@dataclass
class Seen:
    """What one client saw. `usage`: of a whole answer, or as far as one that it left had come."""

    status: int = 0
    prompt: int = 0
    completion: int = 0
    left: bool = False
    error: str = ""

    def take(self, usage: dict) -> None:
        self.prompt, self.completion = usage["prompt_tokens"], usage["completion_tokens"]


async def ask(session: aiohttp.ClientSession, url: str, key: str, leave: bool = False, **fields) -> Seen:
    """One request; a client that leaves does so after the second chunk of a stream."""
    seen = Seen(left=leave)
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], **fields}
    if leave:
        body |= {"stream": True, "stream_options": {"include_usage": True, "continuous_usage_stats": True}}
    try:
        async with session.post(
            f"{url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}
        ) as answer:
            seen.status = answer.status
            if not leave:
                found = json.loads(await answer.read())
                if "usage" in found:
                    seen.take(found["usage"])
                return seen
            chunks = 0
            async for line in answer.content:
                if line.startswith(b"data: {") and (usage := json.loads(line[6:]).get("usage")):
                    seen.take(usage)
                    chunks += 1
                    if chunks == 2:
                        answer.close()
                        return seen
    except (aiohttp.ClientError, ConnectionError, TimeoutError) as problem:
        seen.error = type(problem).__name__
    return seen


async def many(
    urls: list[str],
    count: int,
    at_once: int,
    key: Callable[[int], str],
    leave: Callable[[int], bool] = lambda _: False,
    **fields,
) -> list[Seen]:
    """`count` requests, `at_once` at a time, in turns over `urls`."""
    numbers = iter(range(count))
    found: list[Seen] = []
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(
        timeout=timeout, connector=aiohttp.TCPConnector(limit=0, force_close=False)
    ) as session:

        async def one() -> None:
            for number in numbers:
                found.append(await ask(session, urls[number % len(urls)], key(number), leave(number), **fields))

        await asyncio.gather(*(one() for _ in range(at_once)))
    return found


async def steady(url: str, key: str, stop: asyncio.Event, at_once: int = 4, **fields) -> list[Seen]:
    """Requests until `stop` is set."""
    found: list[Seen] = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:

        async def one() -> None:
            while not stop.is_set():
                found.append(await ask(session, url, key, **fields))
                if found[-1].error:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(stop.wait(), 0.05)

        await asyncio.gather(*(one() for _ in range(at_once)))
    return found
