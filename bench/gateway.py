"""What standing in the way costs: an instant engine asked directly, through mimo, and through LiteLLM's proxy.

python -m bench.gateway [--rounds 5] [--litellm PATH/litellm] [--workers 1]       (`make bench-gateway`)

    p50        time of a small request, one after the other on one connection
    requests   small requests a second, 16 connections: per second, and per second of the gateway's own CPU time
    chunks     streamed chunks a second, 16 streams of 4000 at once, likewise

All take turns in every round. Per CPU second is what one core gives; it does not suffer from a busy machine, where
the wall clock does. The load comes from raw sockets, so that it is not what is measured.
"""

from __future__ import annotations

import argparse
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

from tests.served import served

from mimo.nano import gguf_path

ONE, MANY, CONNECTIONS = 300, 1600, 16
STREAMS, CHUNKS = 16, 4000
_TICKS = os.sysconf("SC_CLK_TCK")


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
        return sum(map(_cpu, self.processes()))

    def memory(self) -> float:
        """Resident megabytes."""
        pages = 0
        for process in self.processes():
            with contextlib.suppress(OSError):
                pages += int(Path(f"/proc/{process}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

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


def _cpu(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


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
        target = Target("LiteLLM", f"http://127.0.0.1:{port}", "instant", lambda: family(process.pid))
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


def shown(values: Sequence[float], digits: int = 0) -> str:
    """Median and range."""
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--litellm", help="its program; left out where there is none")
    options.add_argument("--workers", type=int, default=1)
    given = options.parse_args()
    with contextlib.ExitStack() as stack:
        upstream, engine = stack.enter_context(instant())
        workers = ["--workers", str(given.workers)] if given.workers > 1 else []
        address, process = stack.enter_context(
            served("--engine", "vllm", "--upstream", upstream, "--tokenizer", str(gguf_path()), *workers)
        )
        targets = [
            Target("direct", upstream, "instant", lambda: [engine]),
            Target("mimo", address, "mimo-v2-flash", lambda: family(process.pid)),
        ]
        if given.litellm and Path(given.litellm).exists():
            targets.append(stack.enter_context(litellm(given.litellm, upstream)))
        measure(targets, given.rounds)


def measure(targets: Sequence[Target], rounds: int) -> None:
    """Turns, then one table."""
    found: dict[str, dict[str, list[float]]] = {target.name: {} for target in targets}
    for number in range(-1, rounds):  # the first is a warm-up
        for target in targets:
            share = 0.08 if target.name == "LiteLLM" else 1.0
            rows: dict[str, float] = {"p50": asyncio.run(latency(target))}
            rows["requests"], rows["requests_core"] = asyncio.run(requests(target, share))
            rows["chunks"], rows["chunks_core"] = asyncio.run(chunks(target, share))
            rows["memory"] = target.memory()
            if number >= 0:
                for name, value in rows.items():
                    found[target.name].setdefault(name, []).append(value)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{os.cpu_count()} cores, load {load}, {rounds} rounds; median (smallest–largest)\n")
    names = ("", "p50, ms", "added, ms", "requests/s", "per CPU s", "chunks/s", "per CPU s", "MB")
    print(f"| {' | '.join(names)} |\n{'|---' * len(names)}|")
    base = found["direct"]["p50"]
    for name, rows in found.items():
        added = [one - other for one, other in zip(rows["p50"], base, strict=True)]
        cells = [shown(rows["p50"], 2), shown(added, 2)]
        cells += [shown(rows[key]) for key in ("requests", "requests_core", "chunks", "chunks_core")]
        print(f"| {name} | {' | '.join(cells)} | {statistics.median(rows['memory']):,.0f} |")


if __name__ == "__main__":
    main()
