"""mimo in this process before an upstream, fake or real, and a real llama-server: what the tests here start."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
from tests.engines.upstream.fakes import Fake, llama_events

from mimo.api.app import App
from mimo.api.routes import ROUTES
from mimo.chat.prompt import chat_format
from mimo.engines import ENGINES
from mimo.engines.upstream.options import UpstreamOptions
from mimo.media.fetch.fetcher import Fetcher
from mimo.nano import gguf_path
from mimo.serving.granian import listen, run
from mimo.types import MediaKind

FLASH = "mimo-v2-flash"
RAW = ("llama-server", "vllm", "sglang")


class Front:
    """mimo in this process, in a thread, on an upstream."""

    def __init__(
        self,
        engine: str,
        *urls: str,
        timeout: float = 1.0,
        wait: float = 5,
        tokenizer: Path | None = None,
        media: tuple[MediaKind, ...] | None = None,
        fetcher: Fetcher | None = None,
        **more: Any,
    ) -> None:
        model = "fake-model" if engine == "hosted" else None
        tokenizer = None if engine == "hosted" else tokenizer or gguf_path()
        self.name = engine
        kind = import_module(ENGINES[engine].module).Options
        self._options: UpstreamOptions = kind(urls, model, "sesame", timeout, wait, tokenizer, media, **more)
        self.app = App(routes=ROUTES, fetcher=fetcher)
        listener = listen("127.0.0.1", 0)
        self.port: int = listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._started = threading.Event()
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._run(listener)))
        self._thread.start()
        assert self._started.wait(120)
        if self._problem is not None:
            raise self._problem
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=120)

    async def _run(self, listener: Any) -> None:
        try:
            self.engine: Any = await import_module(ENGINES[self.name].module).start(self._options)
        except BaseException as problem:
            self._problem = problem
            return
        finally:
            self._started.set()
        self.app.answer_with(self.engine, chat_format(self.engine.chat_template, self.engine.tokenizer))
        await run(self.app, listener, 2.0, self._stop)
        await self.engine.close()

    def stop(self) -> None:
        self.http.close()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(120)
        assert not self._thread.is_alive()
        self._loop.close()

    def chat(self, text: str = "hi", **fields: Any) -> httpx.Response:
        body = {"model": FLASH, "messages": [{"role": "user", "content": text}], **fields}
        return self.http.post("/v1/chat/completions", content=json.dumps(body))

    def ids(self, text: str) -> list[int]:
        """Token ids of `text`, one a byte: so that tests may cut anywhere. nano's vocabulary has every byte."""
        piece = self.engine.tokenizer.piece
        single = {piece(token): token for token in range(self.engine.tokenizer.vocabulary) if len(piece(token)) == 1}
        return [single[bytes([byte])] for byte in text.encode()]

    @property
    def running(self) -> int:
        """Requests that are open in the engine."""
        running: int = self.engine.load().running
        return running

    @property
    def end(self) -> int:
        control: int = self.engine.tokenizer.control("<|im_end|>")
        return control


@contextlib.contextmanager
def front(engine: str, *urls: str, timeout: float = 1.0, **options: Any) -> Iterator[Front]:
    running = Front(engine, *urls, timeout=timeout, **options)
    try:
        yield running
    finally:
        running.stop()


def says(fake: Fake, front: Front, text: str, finish: str = "eos") -> None:
    """Let the fake llama-server answer `text`, one token a byte, and end its turn."""

    async def behaviour(asked: Any, out: Any) -> None:
        await out.stream(llama_events([*front.ids(text), *([front.end] if finish == "eos" else [])], finish))

    fake.behaviour = behaviour


def until(true: Any, seconds: float = 60.0) -> bool:
    """Wait for `true()`; the deadline is for a busy machine, and costs an idle one nothing."""
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return bool(true())


@contextlib.contextmanager
def llama_server(model: Path, slots: int = 8, context: int = 1024, projector: Path | None = None) -> Iterator[str]:
    """The address of a real llama-server on `model`, in a process of its own; with a `projector` it takes images."""
    script = Path(__file__).parent / "llama_server" / "process.py"
    command = [sys.executable, str(script), str(model), str(slots), str(context)]
    command += [] if projector is None else [str(projector)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        killer = threading.Timer(300, process.kill)
        killer.start()
        try:
            line = process.stdout.readline().decode().strip()
            killer.cancel()
            assert line.startswith("http"), "llama-server did not start"
            yield line
        finally:
            killer.cancel()
            process.kill()
