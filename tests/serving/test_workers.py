"""`--workers N`: several processes on one address, replaced when they die, drained when told to stop."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from tests.engines.upstream.fronts import says, until

from mimo.nano import gguf_path
from mimo.serving import workers
from mimo.testing import served


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
        time.sleep(workers._QUICK)  # one that ends sooner is taken for one that cannot start
        first, second = children(process.pid)
        os.kill(first, signal.SIGKILL)
        assert [ask() for _ in range(8)] == ["hello"] * 8  # those dealt to the dead one wait for its heir
        assert until(lambda: len(children(process.pid)) == 2)
        assert first not in children(process.pid)
        process.terminate()
        assert process.wait(120) == 0
        assert not Path(f"/proc/{second}").exists()


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
