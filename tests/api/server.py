"""A real server on a free port for the tests of the API: the app on the scripted engine, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import fields
from typing import Any

import httpx

from mimo.api.app import App
from mimo.api.policy import Policy
from mimo.api.routes import ROUTES
from mimo.chat.prompt import chat_format
from mimo.engines.scripted.engine import ScriptedEngine
from mimo.engines.scripted.script import Script, ScriptedAnswer
from mimo.serving.granian import listen, run

FLASH = "mimo-v2-flash"
SCRIPT = Script(
    [
        ScriptedAnswer(["<think>", "Let", " me", " see", "</think>", "It", " is", " sunny", "."], when="weather"),
        ScriptedAnswer(["gr", [0xC3], [0xBC, 0xC3], [0x9F], "e ", [0xF0, 0x9F], [0x98], [0x80], "!"], when="emoji"),
        ScriptedAnswer([[0xE2, 0x80, 0xA8], "a\u2029b\u0085c\r\nd"], when="lines"),
        ScriptedAnswer([{"repeat": 5000, "steps": ["word "]}], when="endless"),
        ScriptedAnswer([{"logits": {"A": 1.0, "B": 1.0, "C": 0.5}}] * 12, when="random"),  # type: ignore[list-item]
        ScriptedAnswer(["Hello", ", ", "world", "!"]),
    ],
    queue=1000,
)


class Server:
    """A running server: where it is, what runs in it, and requests to it."""

    def __init__(self, app: App, engine: ScriptedEngine) -> None:
        self.app = app
        self.engine = engine
        self._listener = listen("127.0.0.1", 0)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, args=(self._listener,))
        self._thread.start()
        self.http = httpx.Client(base_url=self.url, timeout=120)

    def _run(self, listener: socket.socket) -> None:
        self._loop.run_until_complete(run(self.app, listener, 5.0, self._stop))
        self._loop.close()

    def stop(self) -> None:
        self.http.close()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(120)
        assert not self._thread.is_alive(), "the server did not stop"

    def call(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The result of `work`, done on the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def chat(self, text: str = "hi", **fields: Any) -> httpx.Response:
        """One chat completion about `text`."""
        body = {"model": FLASH, "messages": [{"role": "user", "content": text}], **fields}
        return self.http.post("/v1/chat/completions", content=json.dumps(body))

    def post(self, body: bytes | str, path: str = "/v1/chat/completions", **headers: str) -> httpx.Response:
        return self.http.post(path, content=body, headers=headers)

    def connect(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def raw_chat(self, **fields: Any) -> bytes:
        """The bytes of a chat request, for a bare connection."""
        body = json.dumps({"model": FLASH, "messages": [{"role": "user", "content": "endless"}], **fields}).encode()
        return b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)

    def running(self, expected: int, seconds: float = 60.0) -> int:
        """How many generations hold a place in the engine, waiting up to `seconds` for `expected`."""
        end = time.monotonic() + seconds
        while self.engine.load().running != expected and time.monotonic() < end:
            time.sleep(0.01)
        return self.engine.load().running


Serving = Callable[..., contextlib.AbstractContextManager[Server]]


@contextlib.contextmanager
def start(script: Script = SCRIPT, **options: Any) -> Iterator[Server]:
    engine = ScriptedEngine(script)
    policy = Policy(**{row.name: options.pop(row.name) for row in fields(Policy) if row.name in options})
    written = chat_format(options.pop("template", None), engine.tokenizer)
    server = Server(App(engine, written, routes=ROUTES, policy=policy, **options), engine)
    try:
        yield server
    finally:
        server.stop()
