"""What standing in the way costs: an instant engine asked directly, through mimo, and through LiteLLM's proxy.

    p50        time of a small request, one after the other on one connection
    requests   small requests a second, 32 connections: per second, and per second of the gateway's own CPU time
    chunks     streamed chunks a second, 16 streams of 4000 at once, likewise

All take turns in every round. Per CPU second is what one core gives; it does not suffer from a busy machine, where
the wall clock does. The load comes from raw sockets, so that it is not what is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.machine import cpu_seconds, resident_mb
from bench.rounds import Series
from mimo.nano import gguf_path
from mimo.testing import served

DIRECT, MIMO, MIMO_TWO, LITELLM = "direct", "mimo", "mimo, 2 workers", "LiteLLM"
LITELLM_PROGRAM = ".cache/litellm/bin/litellm"
ONE, MANY, CONNECTIONS = 300, 3200, 32
STREAMS, CHUNKS = 16, 4000


@dataclass(frozen=True)
class Target:
    """A server under load: `processes` are those whose CPU time counts."""

    name: str
    url: str
    model: str
    processes: Callable[[], Sequence[int]]
    key: str = "none"

    def cpu(self) -> float:
        """Seconds its processes have computed."""
        return self._sum(cpu_seconds)

    def memory(self) -> float:
        """Resident megabytes."""
        return self._sum(resident_mb)

    def _sum(self, of: Callable[[int], float]) -> float:
        """Over its processes; one that has ended counts nothing."""
        total = 0.0
        for process in self.processes():
            with contextlib.suppress(OSError):
                total += of(process)
        return total

    def request(self, tokens: int, stream: bool) -> bytes:
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": "Say something about gateways."}],
            "max_tokens": tokens,
            "stream": stream,
        }
        data = json.dumps(body).encode()
        host = self.url.removeprefix("http://")
        return (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
            f"authorization: Bearer {self.key}\r\ncontent-length: {len(data)}\r\n\r\n"
        ).encode() + data


def family(process: int) -> list[int]:
    """`process` and its descendants."""
    found = [process]
    for one in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


async def _read(reader: asyncio.StreamReader) -> bytes:
    """The body of one answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"{head.decode()}{(await reader.read(500)).decode()}")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return await reader.readexactly(int(line.split(b":")[1]))
    parts = []
    while size := int(await reader.readline(), 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readexactly(2)
    return b"".join(parts)


async def _connect(target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = target.url.removeprefix("http://").partition(":")
    return await asyncio.open_connection(host, int(port), limit=2**22)


async def latency(target: Target) -> float:
    """Milliseconds of the middle one of `ONE` small requests in a row."""
    reader, writer = await _connect(target)
    request, times = target.request(8, False), []
    for _ in range(ONE):
        begun = time.perf_counter()
        writer.write(request)
        await _read(reader)
        times.append(time.perf_counter() - begun)
    writer.close()
    return statistics.median(times) * 1000


async def _load(target: Target, request: bytes, connections: int, each: int, count: bytes) -> tuple[float, float]:
    """(per second, per CPU second) of what `count` marks in the answers."""

    async def one() -> int:
        reader, writer = await _connect(target)
        found = 0
        for _ in range(each):
            writer.write(request)
            found += (await _read(reader)).count(count)
        writer.close()
        return found

    cpu, begun = target.cpu(), time.perf_counter()
    found = sum(await asyncio.gather(*(one() for _ in range(connections))))
    passed, spent = time.perf_counter() - begun, target.cpu() - cpu
    return found / passed, found / spent if spent else float("nan")


async def requests(target: Target, share: float) -> tuple[float, float]:
    """Small requests, whole."""
    each = max(1, int(MANY / CONNECTIONS * share))
    return await _load(target, target.request(8, False), CONNECTIONS, each, b'"choices"')


async def chunks(target: Target, share: float) -> tuple[float, float]:
    """Chunks with text."""
    return await _load(target, target.request(int(CHUNKS * share), True), STREAMS, 1, b'"delta":{"content":"')


@contextlib.contextmanager
def instant() -> Iterator[tuple[str, int]]:
    """(address, process) of the instant engine."""
    command = [sys.executable, "-m", "bench.instant"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().decode().strip(), process.pid
        finally:
            process.kill()


@contextlib.contextmanager
def litellm(program: str, upstream: str) -> Iterator[Target]:
    """LiteLLM's proxy before `upstream`."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        config = Path(folder) / "config.yaml"
        row = {"model": "openai/instant", "api_base": f"{upstream}/v1", "api_key": "none"}
        config.write_text(json.dumps({"model_list": [{"model_name": "instant", "litellm_params": row}]}))
        port = _free_port()
        environment = {
            **os.environ,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        }
        command = [program, "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
        quiet = subprocess.DEVNULL
        process = stack.enter_context(subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet))
        stack.callback(process.kill)
        target = Target(LITELLM, f"http://127.0.0.1:{port}", "instant", lambda: family(process.pid))
        end = time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError):
                asyncio.run(_once(target))
                break
            if time.monotonic() > end or process.poll() is not None:
                raise SystemExit("LiteLLM did not start")
            time.sleep(0.5)
        yield target


async def _once(target: Target) -> None:
    reader, writer = await _connect(target)
    writer.write(target.request(1, False))
    await _read(reader)
    writer.close()


def _free_port() -> int:
    import socket

    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        return port


def compare(rounds: int) -> dict[str, dict[str, Series]]:
    """By target and figure, a value a round. LiteLLM takes part where its program is (MIMO_BENCH_LITELLM)."""
    program = Path(os.environ.get("MIMO_BENCH_LITELLM", LITELLM_PROGRAM))
    with contextlib.ExitStack() as stack:
        upstream, engine = stack.enter_context(instant())
        targets = [Target(DIRECT, upstream, "instant", lambda: [engine])]
        for name, workers in ((MIMO, 1), (MIMO_TWO, 2)):
            flags = ("--engine", "vllm", "--upstream", upstream, "--tokenizer", str(gguf_path()))
            address, process = stack.enter_context(served(*flags, "--workers", str(workers)))
            targets.append(Target(name, address, "mimo-v2-flash", lambda pid=process.pid: family(pid)))  # type: ignore[misc]
        if program.exists():
            targets.append(stack.enter_context(litellm(str(program), upstream)))
        return measure(targets, rounds)


def measure(targets: Sequence[Target], rounds: int) -> dict[str, dict[str, Series]]:
    """Turns, the first of which is thrown away."""
    found: dict[str, dict[str, Series]] = {target.name: {} for target in targets}
    for number in range(-1, rounds):
        for target in targets:
            share = 0.08 if target.name == LITELLM else 1.0
            rows: dict[str, float] = {"p50": asyncio.run(latency(target))}
            rows["requests"], rows["requests_core"] = asyncio.run(requests(target, share))
            rows["chunks"], rows["chunks_core"] = asyncio.run(chunks(target, share))
            rows["memory"] = target.memory()
            if number >= 0:
                for name, value in rows.items():
                    found[target.name].setdefault(name, []).append(value)
    return found
