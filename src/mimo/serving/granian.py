"""Runs the app on a socket until it is stopped: Granian's embedded server on the loop we are already in.

    listen → answer → SIGTERM → refuse new requests, finish what runs → end the rest with an error → return

Knows sockets and signals; knows no route. The socket is ours and not Granian's own, which shares its port silently with
any other server that also does (SO_REUSEPORT).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server as Granian

from mimo.api.app import App
from mimo.api.exchange import Exchange
from mimo.contract.errors import ServiceUnavailable, StartError

BACKLOG = 2048
CONNECTIONS = 65536
"""Open connections at once, where there are file descriptors for so many."""
_OTHER_FILES = 64
"""Descriptors for everything that is no connection of a client or of its request to an upstream."""
_CUT_SECONDS = 2.0
"""Seconds for streams that were cut to send their error, and then for connections to close."""

_GRANIAN_EXIT_SECONDS = 0.25
"""Seconds for Granian's threads after it reports its end: they need the interpreter to release open connections, and
one that finds it finalised aborts the process (Granian 2.8.7, Python 3.11)."""


class ServeError(StartError):
    """A server that cannot start: one line a person can act on."""


async def serve(
    app: App,
    host: str,
    port: int,
    drain_seconds: float,
    *,
    insecure: bool = False,
    listening: Callable[[str], None] = lambda url: None,
    listener: socket.socket | None = None,
) -> None:
    """Serve `app` until SIGTERM or SIGINT, then drain for at most `drain_seconds`; a second signal ends the wait.

    `listening` is called with the address once connections are accepted. Without keys only a loopback address may be
    bound, unless `insecure`. `listener`: a socket that is already listening, instead of the address. Raises
    `ServeError`.
    """
    check_exposure(app.keys, host, insecure)
    listener = listener or listen(host, port)
    stop, force = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (force if stop.is_set() else stop).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    try:
        await run(app, listener, drain_seconds, stop, force, listening)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def check_exposure(keys: object, host: str, insecure: bool) -> None:
    """Raise `ServeError` for a server without `keys` (false: none) on an address that others can reach."""
    if keys or insecure:
        return
    for *_, address in _addresses(host, 0):
        if not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
            raise ServeError(f"{host or 'every address'} can be reached by others: set --api-keys, or pass --insecure")


def listen(host: str, port: int, shared: bool = False) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises `ServeError` saying what is wrong with the address.

    `shared`: other sockets bound with it may share the address; the kernel deals connections among them.
    """
    family, kind, protocol, _, address = _addresses(host, port)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited: else a token waits 40 ms for an ACK
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as problem:
        listener.close()
        raise ServeError(f"cannot listen on {host}:{port}: {os.strerror(problem.errno or 0).lower()}") from None
    listener.setblocking(False)
    return listener


async def run(
    app: App,
    listener: socket.socket,
    drain_seconds: float,
    stop: asyncio.Event,
    force: asyncio.Event | None = None,
    listening: Callable[[str], None] = lambda url: None,
) -> None:
    """Answer on `listener` until `stop` is set, then drain; `force` ends the drain early. Takes over the socket."""
    name = listener.getsockname()
    host = f"[{name[0]}]" if listener.family == socket.AF_INET6 else name[0]
    server = _Server(app, listener)
    serving = asyncio.create_task(server.serve())
    stopping = asyncio.create_task(stop.wait())
    keeping = asyncio.create_task(_keep_alive(app))
    try:
        listening(f"http://{host}:{name[1]}")
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not serving.done():
            await _drain(app, drain_seconds, force or asyncio.Event())
    finally:
        stopping.cancel()
        keeping.cancel()
        server.stop()  # type: ignore[no-untyped-call]  # Granian has no types here
        await asyncio.wait({serving}, timeout=_CUT_SECONDS)
        serving.cancel()
        await asyncio.sleep(_GRANIAN_EXIT_SECONDS)
    if serving.done() and not serving.cancelled() and (problem := serving.exception()) is not None:
        raise ServeError(f"the server failed: {problem}") from problem


async def _keep_alive(app: App) -> None:
    """Let silent streams send a comment, which keeps proxies from closing them."""
    while True:
        await asyncio.sleep(app.quiet_seconds)
        _tick(app)


def _tick(app: App) -> None:
    """A function, so that no name of it keeps an exchange until the next time."""
    for exchange in list(app.running):
        exchange.keep_alive()


async def _drain(app: App, seconds: float, force: asyncio.Event) -> None:
    """Let running requests finish; when time is up, and at once where the body is still arriving, end them with an
    error."""
    app.drain()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while app.running and loop.time() < deadline and not force.is_set():
        _cut(exchange for exchange in app.running if exchange.receiving)
        await asyncio.sleep(0.02)
    _cut(app.running)
    deadline = loop.time() + _CUT_SECONDS
    while app.running and loop.time() < deadline:
        await asyncio.sleep(0.02)


def _connection_limit() -> int:
    """How many connections to have open: two descriptors each, as many as this process may have.

    Further ones wait to be accepted. At the limit of descriptors `accept` would fail and be repeated without end.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        with contextlib.suppress(ValueError, OSError):  # macOS has a lower bound of its own
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return CONNECTIONS if soft == resource.RLIM_INFINITY else max(1, min(CONNECTIONS, (soft - _OTHER_FILES) // 2))


def _cut(exchanges: Iterable[Exchange]) -> None:
    for exchange in list(exchanges):
        exchange.cut(ServiceUnavailable.shutting_down())


def _addresses(host: str, port: int) -> Sequence[tuple[int, int, int, str, Any]]:
    try:
        return socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise ServeError(f"cannot listen on {host}:{port}: there is no such address") from None


class _Server(Granian):
    """Granian on a socket that is already listening."""

    def __init__(self, app: App, listener: socket.socket) -> None:
        super().__init__(
            app,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            websockets=False,
            backlog=BACKLOG,
            backpressure=_connection_limit(),
            log_enabled=False,
        )
        self._listener = listener

    def _init_shared_socket(self) -> None:
        descriptor = self._listener.detach()  # Granian closes it
        self._shd = SocketHolder(descriptor, False, BACKLOG)  # type: ignore[call-arg, assignment]  # Granian's stub lacks the backlog
