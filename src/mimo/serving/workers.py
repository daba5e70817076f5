"""`mimo serve --workers N`: N processes on one address, for engines that compute elsewhere.

The parent binds the address, forks, passes SIGTERM and SIGINT on (each worker drains by itself) and replaces a worker
that died. Each has its own connections to the engine and shares nothing; what counts per process counts N times.

On Linux each worker has a listening socket of its own on the address, and the kernel deals new connections evenly: from
one common socket whoever wakes first takes all that wait, and a few kept connections end up in one process. The parent
holds the sockets too, so what was dealt to a worker that died waits for the one that replaces it.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from dataclasses import replace

from rich.console import Console

from mimo.config import ConfigError, Settings
from mimo.contract.errors import ApiError, StartError
from mimo.serving import loop
from mimo.serving.console import log_console, say_error
from mimo.serving.granian import listen

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_QUICK = 5.0
"""Seconds: a worker that ends sooner, and not well, never served; then all end."""


def serve_in_workers(settings: Settings, console: Console) -> None:
    """Serve until SIGTERM or SIGINT; a worker that cannot start says why and ends all. Raises `ConfigError`,
    `ServeError`."""
    if settings.engine == "local":
        raise ConfigError("workers: each would load the model; more than one needs an upstream engine")
    if not hasattr(os, "fork"):
        raise ConfigError("this system cannot fork: run several servers on several ports")
    listeners = _listeners(settings.host, settings.port, settings.workers)
    children: dict[int, tuple[int, float]] = {}
    stopping = False

    def tell(number: int, _: object) -> None:
        nonlocal stopping
        stopping = True
        for listener in listeners:
            listener.close()
        for child in children:
            os.kill(child, number)

    def start(place: int, replacement: bool) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # a child must be known before it has to be told
        child = _fork(settings, listeners, place, replacement)
        children[child] = place, time.monotonic()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    for number in _SIGNALS:
        signal.signal(number, tell)
    for place in range(settings.workers):
        start(place, replacement=False)
    failed = False
    while children:
        child, status = os.wait()
        if (found := children.pop(child, None)) is None or stopping:
            continue  # not ours: as process 1 we inherit orphans
        place, begun = found
        if status and time.monotonic() - begun > _QUICK:
            console.print(f"worker {child} died; starting another")
            start(place, replacement=True)
        else:
            failed = failed or status != 0
            tell(signal.SIGTERM, None)
    if failed:
        sys.exit(1)


def _listeners(host: str, port: int, count: int) -> list[socket.socket]:
    """A socket a worker, all on one address that nobody else has; where the kernel deals none, the same one for all."""
    alone = listen(host, port)  # refuses an address in use, which a shared one would silently join
    if sys.platform != "linux":
        return [alone] * count
    bound: int = alone.getsockname()[1]
    alone.close()
    return [listen(host, bound, shared=True) for _ in range(count)]


def _fork(settings: Settings, listeners: list[socket.socket], place: int, replacement: bool) -> int:
    """The id of a new process that serves on the listener in its place; `replacement`: of one that died."""
    child = os.fork()
    if child:
        return child
    from mimo.serving.run import run

    status = 0
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    for listener in listeners:
        if listener is not listeners[place]:
            listener.close()
    try:
        console = log_console(quiet=replacement or place > 0)
        loop.run(run(replace(settings, workers=1), console, listeners[place], wait_for_engine=replacement))
    except (StartError, ApiError) as problem:
        say_error(str(problem))
        status = 1
    except BaseException:
        Console(stderr=True).print_exception()
        status = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
