"""`mimo serve`: listen at once, answer 503 while the engine starts, then print who answers and serve until stopped."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from mimo import __version__
from mimo.accounts.accounts import Accounts
from mimo.api.app import App
from mimo.api.batches.store import Store
from mimo.api.metering import Metering
from mimo.api.routes import ROUTES
from mimo.config import Settings, model_rows
from mimo.constraints.llguidance import vocabulary_of
from mimo.contract.models import Model
from mimo.engines.base import Engine
from mimo.folders import data_folder
from mimo.media.fetch.fetcher import Fetcher
from mimo.serving.banner import show
from mimo.serving.engine import start_engine
from mimo.serving.granian import serve
from mimo.serving.loop import freeze_gc
from mimo.serving.reload import Load, Reload, hosts_of, policy_of, take_settings
from mimo.serving.telemetry import Telemetry
from mimo.telemetry.cells import Cells


async def run(
    settings: Settings,
    console: Console,
    listener: socket.socket | None = None,
    *,
    wait_for_engine: bool = False,
    on_ready: Callable[[], None] = lambda: None,
    cells: Cells | None = None,
    place: int = 0,
    load: Load | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, on `listener` if given. `wait_for_engine`: accept connections only once the engine
    has started, for one worker of several, rather than answer 503 until then. `on_ready` is called when requests are
    answered. `cells`: where the workers count, of which this one is number `place`. `load`: reads the settings again
    on SIGHUP.

    Raises `ConfigError`, `EngineError`, `ServeError` when it cannot start.
    """
    models = model_rows(settings)
    data_dir = settings.data_dir or data_folder()
    accounts = Accounts(settings.accounts, data_dir)
    await accounts.start()
    telemetry = Telemetry(settings, models, Metering(accounts), accounts, cells, place)
    app = _app(settings, models, data_dir, accounts, telemetry)
    reload = Reload(settings, load or (lambda: settings), lambda new: take_settings(app, new), quiet=place > 0)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
    loading = asyncio.create_task(start_engine(settings, console))
    if wait_for_engine:
        await asyncio.wait({loading})
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    where = settings.host, settings.port, settings.drain_seconds
    serving = serve(app, *where, insecure=settings.insecure, listening=address.set_result, listener=listener)
    server = asyncio.create_task(serving)
    engine: Engine | None = None
    warming: list[asyncio.Task[object]] = []
    batches: list[asyncio.Task[None]] = []
    watching = asyncio.create_task(telemetry.keep_up(app))
    try:
        done, _ = await asyncio.wait({server, loading}, return_when=asyncio.FIRST_COMPLETED)
        if server in done:  # it could not listen, or was stopped before the engine had started
            return await server
        engine, chat_format = loading.result()
        freeze_gc()
        app.answer_with(engine, chat_format)
        if engine.capabilities.grammar:  # what the first grammar needs takes a second for a large vocabulary
            warming.append(asyncio.create_task(asyncio.to_thread(vocabulary_of, engine.tokenizer)))
        show(await address, settings, app, console)
        batches.append(asyncio.create_task(app.run_batches()))
        on_ready()
        await server
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
        # what batches have done is kept, and they go on at the next start
        ending = (loading, server, watching, *batches)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, *warming, return_exceptions=True)
        await telemetry.close()
        if engine is not None:
            chat_format.close()
            await engine.close()
        await accounts.close()


def _app(
    settings: Settings, models: Mapping[str, Model], data_dir: Path, accounts: Accounts, telemetry: Telemetry
) -> App:
    """The API as it is set, which has no engine yet."""
    return App(
        models=models,
        routes=ROUTES,
        keys=settings.api_keys,
        policy=replace(policy_of(settings), open_metrics=telemetry.open_metrics),
        observer=telemetry.observer,
        metrics=telemetry.page,
        all_started=telemetry.all_started,
        cors_origins=settings.cors_origin,
        hosts=hosts_of(settings, bool(settings.api_keys) or accounts.on),
        fetcher=Fetcher(agent=f"mimo/{__version__}") if settings.allow_media_urls else None,
        store=Store(data_dir),
        accounts=accounts,
    )
