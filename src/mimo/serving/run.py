"""`mimo serve`: listen at once, answer 503 while the model loads, then say who answers and go on until told to stop."""

from __future__ import annotations

import asyncio
import socket

from rich.console import Console

from mimo.api.access import names_of
from mimo.api.app import App
from mimo.chat.unknown import WHAT_TO_DO, UnknownFormat
from mimo.config import Settings, model_rows
from mimo.engines.base import Engine
from mimo.media.fetch.fetcher import Fetcher
from mimo.serving.engine import start_engine
from mimo.serving.granian import serve
from mimo.serving.loop import settle


async def run(
    settings: Settings, console: Console, listener: socket.socket | None = None, *, patient: bool = False
) -> None:
    """Serve until SIGTERM or SIGINT, on `listener` if there is one. `patient`: let connections wait while the model
    loads, which others answer meanwhile, rather than turn them away.

    Raises `ConfigError`, `EngineError`, `ServeError` when it cannot start.
    """
    app = App(
        models=model_rows(settings),
        keys=settings.api_keys,
        strict=settings.strict,
        body_limit=settings.body_limit,
        cors_origins=settings.cors_origin,
        hosts=_hosts(settings),
        require_reasoning_passback=settings.require_reasoning_passback,
        repetition_truncation=settings.repetition_truncation,
        body_seconds=settings.body_seconds,
        fetcher=Fetcher() if settings.allow_media_urls else None,
    )
    loading = asyncio.create_task(start_engine(settings, console))
    if patient:
        await asyncio.wait({loading})
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    server = asyncio.create_task(
        serve(
            app,
            settings.host,
            settings.port,
            settings.drain_seconds,
            insecure=settings.insecure,
            listening=address.set_result,
            listener=listener,
        )
    )
    engine: Engine | None = None
    try:
        done, _ = await asyncio.wait({server, loading}, return_when=asyncio.FIRST_COMPLETED)
        if server in done:  # it could not listen, or was told to stop before the model was there
            return await server
        engine, chat_format = loading.result()
        settle()
        app.answer_with(engine, chat_format)
        _say(await address, settings, engine, app, console)
        if isinstance(chat_format, UnknownFormat):
            console.print(f"  no chat: {chat_format.why}; {WHAT_TO_DO}", highlight=False, soft_wrap=True, markup=False)
        await server
    finally:
        loading.cancel()
        server.cancel()
        await asyncio.gather(server, loading, return_exceptions=True)
        if engine is not None:
            chat_format.close()
            await engine.close()


def _hosts(settings: Settings) -> frozenset[str] | None:
    """The names that requests may come by. A web page has no key: with keys any name will do."""
    if settings.allowed_hosts:
        return names_of(settings.host) | {name.lower() for name in settings.allowed_hosts}
    return None if settings.api_keys else names_of(settings.host)


def _say(url: str, settings: Settings, engine: Engine, app: App, console: Console) -> None:
    """Who answers, where, and how long prompts may be: so that nobody mistakes nano for the hosted model."""
    info = engine.info
    console.print(
        f"[bold]{info.model}[/] on the {info.engine} engine answers as {', '.join(app.models)}", highlight=False
    )
    console.print(
        f"  window {info.context_window} tokens · fingerprint {info.fingerprint}", highlight=False, soft_wrap=True
    )
    if engine.media:
        fetched = "by data URI or URL" if settings.allow_media_urls else "by data URI"
        console.print(f"  takes {', '.join(engine.media)} {fetched}", highlight=False, soft_wrap=True)
    console.print(f"  {url}/v1 · docs at {url}/docs", highlight=False, soft_wrap=True)
    if settings.model is None and info.engine == "local":
        console.print(
            "  nano is a tiny test model; serve another with --model PATH.gguf", highlight=False, soft_wrap=True
        )
