"""`--workers N`: several processes on one socket, replaced when they die, drained when told to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tests.served import served
from tests.upstream.conftest import says, until

from mimo.nano import gguf_path


def children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at /proc")
def test_workers_share_the_address_and_a_dead_one_is_replaced(llama, fake):
    says(fake, llama, "hello")
    arguments = ("--engine", "llama-server", "--upstream", fake.url, "--tokenizer", str(gguf_path()))
    with served(*arguments, "--workers", "2") as (url, process):
        assert until(lambda: len(children(process.pid)) == 2)
        body = {"model": "mimo-v2-flash", "messages": [{"role": "user", "content": "hi"}]}

        def ask() -> str:
            answer = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=20)
            return answer.json()["choices"][0]["message"]["content"] if answer.status_code == 200 else answer.text

        assert until(lambda: ask() == "hello", 20)
        first, second = children(process.pid)
        os.kill(first, signal.SIGSTOP)  # the other alone answers
        assert [ask() for _ in range(3)] == ["hello"] * 3
        os.kill(first, signal.SIGCONT)
        process.terminate()
        assert process.wait(20) == 0
        assert not Path(f"/proc/{second}").exists()


def test_workers_are_refused_for_the_engine_that_holds_the_model():
    command = [sys.executable, "-m", "mimo", "serve", "--port", "0", "--workers", "2"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "workers" in ended.stderr
