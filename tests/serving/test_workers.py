"""`--workers N`: several processes on one address, replaced when they die, drained when told to stop."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from tests.engines.upstream.fronts import says, until

from mimo.nano import gguf_path
from mimo.serving import workers
from mimo.serving.granian import listen
from mimo.testing import served

URL = re.compile(r"(http://\S+)/v1\b")


def children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def open_files(process: int) -> int:
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at /proc")


@needs_proc
def test_a_dead_worker_is_replaced_and_no_connection_lost(llama, fake):
    says(fake, llama, "hello")
    arguments = ("--engine", "llama-server", "--upstream", fake.url, "--tokenizer", str(gguf_path()))
    with served(*arguments, "--workers", "2") as (url, process):
        assert until(lambda: len(children(process.pid)) == 2)
        body = {"model": "mimo-v2-flash", "messages": [{"role": "user", "content": "hi"}]}

        def ask() -> str:
            answer = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=120)
            return answer.json()["choices"][0]["message"]["content"] if answer.status_code == 200 else answer.text

        assert until(lambda: ask() == "hello", 300)
        first, second = children(process.pid)
        os.kill(first, signal.SIGKILL)
        assert [ask() for _ in range(8)] == ["hello"] * 8  # those dealt to the dead one wait for its replacement
        assert until(lambda: len(children(process.pid)) == 2)
        assert first not in children(process.pid)
        process.terminate()
        assert process.wait(120) == 0
        assert not Path(f"/proc/{second}").exists()


class Served:
    """`mimo serve --workers 2` in front of `url`, in a session of its own, and what it has printed."""

    def __init__(self, url: str, folder: Path, *arguments: str) -> None:
        self.log = folder / "log"
        command = [sys.executable, "-m", "mimo", "serve", "--port", "0", "--workers", "2", "--engine", "llama-server"]
        command += ["--upstream", url, "--tokenizer", str(gguf_path()), *arguments]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stderr=log, start_new_session=True)

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)

    @property
    def workers(self) -> list[int]:
        return children(self.process.pid)

    def url(self) -> str:
        """The address, once both workers serve."""
        assert until(lambda: URL.search(self.log.read_text()) is not None, 30), self.log.read_text()
        time.sleep(3 * workers.BEAT_SECONDS)  # the second one is no slower
        found = URL.search(self.log.read_text())
        assert found
        return found[1]


def alive(process: int) -> bool:
    """Whether it runs, and is not only waiting to be reaped."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@needs_proc
def test_a_stopped_worker_is_replaced_and_its_share_answered(fake, tmp_path):
    """Of 40 new connections none falls to a stopped worker: by chance alone once in 10^12 runs."""
    with Served(fake.url, tmp_path) as server:
        url = server.url()
        first, second = server.workers
        os.kill(first, signal.SIGSTOP)
        assert until(lambda: not alive(first), workers.SILENT_SECONDS + 15)
        assert until(lambda: len(server.workers) == 2)
        for _ in range(40):
            assert httpx.get(f"{url}/healthz", timeout=20).status_code == 200
        assert second in server.workers and first not in server.workers
        assert f"worker {first} gave no sign of life" in server.log.read_text()


@needs_proc
def test_a_server_is_not_ready_while_a_worker_is_missing(fake, tmp_path):
    """Of 24 connections one at least falls to the worker that lives, but once in 10^7 runs."""

    def ready(url: str) -> int:
        try:
            return httpx.get(f"{url}/readyz", timeout=20).status_code
        except httpx.HTTPError:
            return 0  # cut by the kill

    with Served(fake.url, tmp_path) as server, ThreadPoolExecutor(24) as clients:
        url = server.url()
        assert until(lambda: ready(url) == 200)
        first, _ = server.workers
        os.kill(first, signal.SIGKILL)
        assert until(lambda: first not in server.workers)
        assert 503 in clients.map(ready, [url] * 24)
        assert until(lambda: len(server.workers) == 2 and set(clients.map(ready, [url] * 24)) == {200}, 30)


@needs_proc
def test_sigterm_is_in_time_though_a_worker_is_stopped(fake, tmp_path):
    with Served(fake.url, tmp_path, "--drain-seconds", "1") as server:
        server.url()
        pair = server.workers
        os.kill(pair[0], signal.SIGSTOP)
        server.process.terminate()
        assert server.process.wait(15) == 0
        assert not any(alive(worker) for worker in pair)


@needs_proc
def test_workers_end_when_their_parent_is_killed(fake, tmp_path):
    with Served(fake.url, tmp_path, "--drain-seconds", "1") as server:
        port = int(server.url().rpartition(":")[2])
        pair = server.workers
        server.process.kill()
        server.process.wait()
        assert until(lambda: not any(alive(worker) for worker in pair), 15)
        listen("127.0.0.1", port).close()


@needs_proc
def test_a_worker_killed_as_it_starts_is_replaced_and_said(fake, tmp_path):
    with Served(fake.url, tmp_path) as server:
        assert until(lambda: len(server.workers) == 2, 20)
        first = server.workers[0]
        os.kill(first, signal.SIGKILL)
        url = server.url()
        assert until(lambda: len(server.workers) == 2 and first not in server.workers)
        assert httpx.get(f"{url}/healthz", timeout=20).status_code == 200
        assert f"worker {first} was killed by SIGKILL; starting another" in server.log.read_text()


@needs_proc
def test_workers_that_never_serve_end_all_and_say_so(fake, tmp_path):
    with Served(fake.url, tmp_path) as server:
        while server.process.poll() is None:
            for worker in server.workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
            time.sleep(0.05)
        assert server.process.returncode == 1
        assert "was killed by SIGKILL before any served; ending all" in server.log.read_text()


@needs_proc
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux deals connections")
def test_connections_are_dealt_evenly(fake):
    """100 kept connections: each of two workers gets 25 at least; by chance alone fewer come once in 5 million runs."""
    arguments = ("--engine", "llama-server", "--upstream", fake.url, "--tokenizer", str(gguf_path()))
    with served(*arguments, "--workers", "2") as (url, process):
        assert until(lambda: len(children(process.pid)) == 2)
        pair = children(process.pid)
        before = [open_files(child) for child in pair]
        with contextlib.ExitStack() as kept:
            for _ in range(100):
                client = kept.enter_context(httpx.Client())
                assert client.get(f"{url}/healthz", timeout=120).status_code == 200
            grown = [open_files(child) - files for child, files in zip(pair, before, strict=True)]
        assert min(grown) >= 25, grown


def test_an_address_in_use_is_refused_though_workers_share_theirs(fake):
    arguments = ("--engine", "llama-server", "--upstream", fake.url, "--tokenizer", str(gguf_path()), "--workers", "2")
    with served(*arguments) as (url, _):
        command = [sys.executable, "-m", "mimo", "serve", *arguments, "--port", url.rpartition(":")[2]]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 1
        assert "address already in use" in ended.stderr


def test_workers_are_refused_for_the_engine_that_holds_the_model():
    command = [sys.executable, "-m", "mimo", "serve", "--port", "0", "--workers", "2"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "workers" in ended.stderr
