"""`mimo serve --workers N`: N processes that accept from one listening socket, for engines that compute elsewhere.

The parent binds the address once, forks, passes SIGTERM and SIGINT on (each worker drains by itself) and replaces a
worker that died. Each has its own connections to the engine and shares nothing; what counts per process counts N times.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from dataclasses import replace

from rich.console import Console

from mimo import loop
from mimo.api.server import listen
from mimo.config import ConfigError, Settings
from mimo.contract.errors import ApiError, StartError

_QUICK = 5.0
"""Seconds: a worker that ends sooner, and not well, never served; then all end."""


def serve_in_workers(settings: Settings, console: Console) -> None:
    """Serve until told to stop. Raises `ConfigError`, `ServeError`. A worker that cannot start says why, all end."""
    if settings.engine == "local":
        raise ConfigError("workers would each load the model: they are for engines behind --upstream")
    if not hasattr(os, "fork"):
        raise ConfigError("this system cannot fork: run several servers on several ports")
    listener = listen(settings.host, settings.port)
    children: dict[int, float] = {}
    stopping = False

    def tell(number: int, _: object) -> None:
        nonlocal stopping
        stopping = True
        for child in children:
            os.kill(child, number)

    def start(quiet: bool) -> None:
        children[_fork(settings, listener, Console(stderr=True, quiet=quiet))] = time.monotonic()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, tell)
    for at in range(settings.workers):
        start(quiet=at > 0)
    failed = False
    while children:
        child, status = os.wait()
        begun = children.pop(child, 0.0)
        if stopping:
            continue
        if status and time.monotonic() - begun > _QUICK:
            console.print(f"worker {child} died; starting another", highlight=False)
            start(quiet=True)
        else:
            failed = failed or status != 0
            tell(signal.SIGTERM, None)
    if failed:
        sys.exit(1)


def _fork(settings: Settings, listener: socket.socket, console: Console) -> int:
    """The id of a new process that serves on `listener`."""
    child = os.fork()
    if child:
        return child
    from mimo.serve import run

    status = 0
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    try:
        loop.run(run(replace(settings, workers=1), console, listener))
    except (StartError, ApiError) as problem:
        Console(stderr=True, highlight=False).print(f"[red]mimo:[/] {problem}", soft_wrap=True)
        status = 1
    except BaseException:
        Console(stderr=True).print_exception()
        status = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
