"""A server of this process for this process: on a free loopback port, behind a key that nobody else knows.

A command that talks to a model speaks HTTP to it, the same as to a server elsewhere. Knows no command.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from rich.console import Console

from mimo.api.app import App
from mimo.api.routes import ROUTES
from mimo.config import Settings, model_rows
from mimo.serving.engine import start_engine
from mimo.serving.granian import listen, run
from mimo.serving.reload import policy_of


@asynccontextmanager
async def loopback(settings: Settings, console: Console) -> AsyncIterator[tuple[str, str]]:
    """(address, key) of a server with the engine of the settings, for as long as the block runs.

    Raises `ConfigError`, `EngineError`, `ServeError` when it cannot start.
    """
    engine, chat_format = await start_engine(settings, console)
    key, stop = secrets.token_urlsafe(32), asyncio.Event()
    app = App(engine, chat_format, model_rows(settings), routes=ROUTES, keys=(key,), policy=policy_of(settings))
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(run(app, listen("127.0.0.1", 0), 0.0, stop, listening=address.set_result))
    either: set[asyncio.Future[Any]] = {serving, address}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
        yield address.result(), key
    finally:
        stop.set()
        await asyncio.gather(serving, return_exceptions=True)
        chat_format.close()
        await engine.close()
