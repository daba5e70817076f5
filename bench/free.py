"""What the path from a token to the socket costs: a scripted engine, whose tokens are free, through our server.

Chunks per second of processor time come from the server process's own account, so that the client's is not
in it. The server alone, sending constant bytes of the same size, takes turns with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.load import Load, LoadError, run_streams
from bench.machine import cpu_seconds, wait_or_kill
from bench.peers import line
from bench.rounds import Series
from mimo.testing import served

TEXT = " token"


@contextlib.contextmanager
def scripted(count: int) -> Iterator[tuple[str, int]]:
    """(address, process id) of our server over an engine that says TEXT `count` times."""
    script = {
        "answers": [{"steps": [{"repeat": count, "steps": [TEXT]}]}],
        "context_window": count + 4096,
        "queue": 1024,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "free.json"
        path.write_text(json.dumps(script))
        with served("--engine", "scripted", "--script", str(path), "--no-repetition-truncation") as (url, process):
            yield url, process.pid


@contextlib.contextmanager
def constant(size: int, count: int) -> Iterator[tuple[str, int]]:
    """(address, process id) of the server alone."""
    command = [sys.executable, "-m", "bench.constant", str(size), str(count)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    try:
        yield line(process, 60), process.pid
    finally:
        process.stdin.close()
        wait_or_kill(process)


def body(count: int) -> dict[str, object]:
    """A streamed request for `count` tokens."""
    return {
        "model": "mimo-v2-flash",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_completion_tokens": count,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def chunks(streams: int, count: int, rounds: int) -> dict[str, object]:
    """For ours and for the server alone: chunks per second of wall time and of the server's processor time."""
    found: dict[str, dict[str, Series]] = {}
    with scripted(count) as ours:
        one = asyncio.run(run_streams(f"{ours[0]}/v1/chat/completions", [body(count)]))
        size = round(one.size / one.chunks)
        with constant(size, count) as alone:
            for number in range(rounds + 1):
                for name, (url, pid) in {"ours": ours, "server alone": alone}.items():
                    load, cpu = _turn(url, pid, streams, count)
                    if number:
                        series = found.setdefault(name, {"wall": [], "cpu": []})
                        series["wall"].append(load.tokens / load.seconds)
                        series["cpu"].append(load.tokens / cpu)
    return {"streams": streams, "count": count, "size": size, "rates": found}


def _turn(url: str, pid: int, streams: int, count: int) -> tuple[Load, float]:
    before = cpu_seconds(pid)
    load = asyncio.run(run_streams(f"{url}/v1/chat/completions", [body(count)] * streams))
    if load.tokens != streams * count:
        raise LoadError(f"{load.tokens} chunks came, {streams} × {count} were asked for")
    return load, cpu_seconds(pid) - before


def first_byte(requests: int) -> dict[str, Series]:
    """Seconds to the first byte and to the first text of a streamed one-token request on a connection kept open."""
    found: dict[str, Series] = {"byte": [], "text": []}
    with scripted(1) as (url, _):
        host, port = url.removeprefix("http://").split(":")
        payload = json.dumps(body(1)).encode()
        request = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        request += b"content-length: %d\r\n\r\n%b" % (len(payload), payload)
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for number in range(-20, requests):
                byte, text = _one(connection, request)
                if number >= 0:
                    found["byte"].append(byte)
                    found["text"].append(text)
    return found


def _one(connection: socket.socket, request: bytes) -> tuple[float, float]:
    """Send, read to the end of the chunked body; (seconds to the first byte, seconds to the text)."""
    start = time.perf_counter()
    connection.sendall(request)
    byte = text = 0.0
    got = b""
    while not got.endswith(b"0\r\n\r\n"):
        data = connection.recv(65536)
        if not data:
            raise LoadError(f"the connection was closed: {got.decode(errors='replace')[-300:]}")
        passed = time.perf_counter() - start
        byte, got = byte or passed, got + data
        if not text and TEXT.encode() in got:
            text = passed
    return byte, text
