"""Seconds from starting `mimo serve` on nano to the first 200 of /readyz: with warm caches, and the very first time."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time

from bench.load import LoadError
from bench.machine import wait_or_kill
from bench.rounds import Series

_LIMIT = 120.0


def starts(warm: int, cold: int) -> dict[str, Series]:
    """`warm`: after a start that is not counted. `first`: no compiled kernels yet."""
    ready()
    found: dict[str, Series] = {"warm": [ready() for _ in range(warm)], "first": []}
    for _ in range(cold):
        with tempfile.TemporaryDirectory() as empty:
            found["first"].append(ready({"NUMBA_CACHE_DIR": empty}))
    return found


def ready(environment: dict[str, str] | None = None) -> float:
    """Start, wait for /readyz, stop; the seconds until it was ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "mimo", "serve", "--port", str(port)],
        stderr=subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
    )
    try:
        while not _is_ready(port):
            if process.poll() is not None or time.perf_counter() - start > _LIMIT:
                raise LoadError("mimo serve did not become ready")
            time.sleep(0.005)
        return time.perf_counter() - start
    finally:
        process.terminate()
        wait_or_kill(process)


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
