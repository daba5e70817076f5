"""Engines that are not there: a real socket that speaks HTTP, and whatever a test wants said on it.

A behaviour is an async function (request, out): `out` writes an answer as an engine would, or as none should.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

MODEL = "fake-model"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        return port


WINDOW = 512


@dataclass
class Asked:
    """A request that arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any = None


class Out:
    """The writing side of one connection."""

    def __init__(self, writer: asyncio.StreamWriter, fake: Fake) -> None:
        self.writer = writer
        self._fake = fake

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self, status: int, body: object, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n{lines}\r\n"
        await self.raw(head.encode() + data)

    async def head(self) -> None:
        await self.raw(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")

    async def chunk(self, data: bytes) -> None:
        await self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    async def events(self, *events: object) -> None:
        """Each event in a chunk of its own."""
        for event in events:
            data = event if isinstance(event, bytes) else json.dumps(event).encode()
            await self.chunk(b"data: " + data + b"\n\n")

    async def end(self) -> None:
        await self.raw(b"0\r\n\r\n")

    async def stream(self, events: Iterable[object]) -> None:
        await self.head()
        await self.events(*events)
        await self.end()

    async def hang(self) -> None:
        """Say nothing until the other side has gone."""
        self._fake.hanging += 1
        try:
            await self._fake.gone(self.writer)
        finally:
            self._fake.hanging -= 1


Behaviour = Callable[[Asked, Out], Awaitable[None]]


async def nothing(asked: Asked, out: Out) -> None:
    await out.reply(500, {"error": "no behaviour was set"})


@dataclass
class Fake:
    """A fake engine. `asked` holds what came on the generating routes; `hanging` how many answers are stuck.
    `discover`: how it answers a GET, if not with what such an engine says of itself."""

    behaviour: Behaviour = nothing
    discover: Behaviour | None = None
    asked: list[Asked] = field(default_factory=list)
    hanging: int = 0
    left: int = 0
    model: str = MODEL

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._readers: dict[asyncio.StreamWriter, asyncio.StreamReader] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(120)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port: int = server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                self._loop.run_until_complete(task)
        self._loop.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(120)

    async def gone(self, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await self._readers[writer].read()
        self.left += 1

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._readers[writer] = reader
        try:
            while not writer.is_closing():
                await self._answer(await self._request(reader), Out(writer, self))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            del self._readers[writer]
            writer.close()

    async def _request(self, reader: asyncio.StreamReader) -> Asked:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Asked(method, path, headers, json.loads(body) if body else None)

    async def _answer(self, asked: Asked, out: Out) -> None:
        if asked.method == "GET":
            if self.discover is not None:
                return await self.discover(asked, out)
            found = DISCOVERY.get(asked.path)
            return await out.reply(404 if found is None else 200, {} if found is None else found)
        self.asked.append(asked)
        await self.behaviour(asked, out)


DISCOVERY: dict[str, object] = {
    "/health": {"status": "ok"},
    "/props": {"default_generation_settings": {"n_ctx": WINDOW}, "model_path": "", "model_alias": MODEL},
    "/v1/models": {"object": "list", "data": [{"id": MODEL, "max_model_len": WINDOW}]},
    "/version": {"version": "0.0.1"},
    "/get_model_info": {"model_path": MODEL},
    "/get_server_info": {"context_length": WINDOW, "served_model_name": MODEL, "version": "0.0.1"},
}


# What each engine says for tokens, in the shape that the real one was seen to use (llama-server, vLLM) or that its
# sources give (SGLang, hosted).


def llama_events(tokens: Iterable[int], finish: str | None = "eos", **more: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for count, token in enumerate(tokens, 1):
        rows.append({"index": 0, "content": "", "tokens": [token], "stop": False, "tokens_predicted": count, **more})
    if finish:
        rows.append({"content": "", "tokens": [], "stop": True, "tokens_predicted": len(rows), "stop_type": finish})
    return rows


def vllm_events(tokens: Iterable[int], finish: str | None = "stop", **more: Any) -> list[object]:
    tokens = list(tokens)
    rows: list[object] = []
    for at, token in enumerate(tokens):
        last = finish if at == len(tokens) - 1 else None
        choice = {"index": 0, "text": "", "token_ids": [token], "finish_reason": last, "logprobs": None, **more}
        rows.append({"id": "cmpl-1", "object": "text_completion", "choices": [choice]})
    if finish:
        details = {"prompt_tokens_details": {"cached_tokens": 3}}
        rows += [{"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": len(tokens), **details}}, b"[DONE]"]
    return rows


def sglang_events(tokens: Iterable[int], finish: str | None = "stop", cumulative: bool = True) -> list[object]:
    tokens = list(tokens)
    rows: list[object] = []
    for count in range(1, len(tokens) + 1):
        ids = tokens[:count] if cumulative else tokens[count - 1 : count]
        reason = {"type": finish} if finish and count == len(tokens) else None
        meta = {"completion_tokens": count, "cached_tokens": 3, "finish_reason": reason, "prompt_tokens": 9}
        rows.append({"text": "", "output_ids": ids, "meta_info": meta})
    return [*rows, b"[DONE]"] if finish else rows


def chat_events(*deltas: dict[str, Any], finish: str | None = "stop", usage: Any = None) -> list[object]:
    rows: list[object] = [{"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}]
    rows += [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    if finish:
        rows.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        rows.append({"choices": [], "usage": usage or {"prompt_tokens": 11, "completion_tokens": len(deltas)}})
        rows.append(b"[DONE]")
    return rows
