"""Prompts that are far too long are refused for next to nothing, on every route that tokenises."""

from __future__ import annotations

import asyncio
import json
import random
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mimo.api.slow_work import SlowWork
from mimo.testing import served

MODEL = "mimo-v2-flash"
TEXT = " ".join(
    random.Random(1).choices(["the", "water", "is", "ordinary", "green", "word", "7", "some."], k=1_900_000)
)
MESSAGES = [{"role": "user", "content": TEXT}]
TOOL = {"type": "function", "function": {"name": "look", "description": TEXT, "parameters": {"type": "object"}}}
HISTORY = [{"role": "user", "content": "hello there, you"}, {"role": "assistant", "content": "hi"}] * 25_000
BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"messages": MESSAGES}),
    "chat, streamed": ("/v1/chat/completions", {"messages": MESSAGES, "stream": True}),
    "chat, 50,000 messages": ("/v1/chat/completions", {"messages": HISTORY}),
    "chat, a tool": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}], "tools": [TOOL]}),
    "chat, one character": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "a" * 9_000_000}]}),
    "completions": ("/v1/completions", {"prompt": TEXT}),
    "responses": ("/v1/responses", {"input": TEXT}),
    "messages": ("/v1/messages", {"messages": MESSAGES, "max_tokens": 4}),
    "count_tokens": ("/v1/messages/count_tokens", {"messages": MESSAGES}),
    "tokenize": ("/v1/tokenize", {"text": TEXT}),
    "tokenize, messages": ("/v1/tokenize", {"messages": MESSAGES}),
}


@pytest.fixture(scope="module")
def nano_server() -> Iterator[tuple[str, int]]:
    """(address, process id) of a server of its own: its time and memory are looked at."""
    with served("--slots", "4", "--context-window", "4096") as (url, process):
        yield url, process.pid


def seconds_of_processor(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def resident(pid: int) -> float:
    """MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6


@pytest.mark.parametrize("name", BODIES)
def test_a_prompt_that_is_far_too_long_is_refused_before_it_is_tokenised(
    nano_server: tuple[str, int], name: str
) -> None:
    """It took 5 to 15 seconds of processor; reading the body and counting takes a few tenths."""
    url, pid = nano_server
    route, fields = BODIES[name]
    body = json.dumps({"model": MODEL, **fields})
    before = seconds_of_processor(pid)
    answer = httpx.post(f"{url}{route}", content=body, headers={"content-type": "application/json"}, timeout=60)
    assert answer.status_code == 400
    words = "prompt is too long: at least " if "messages" in route else "of at least "
    assert re.search(words + r"\d+ tokens (>|exceeds the context window)", answer.text), answer.text
    assert seconds_of_processor(pid) - before < 3.0


def test_six_at_once_take_little_memory_and_give_it_back(nano_server: tuple[str, int]) -> None:
    """Three times over: what the C library keeps of one time is used by the next, and what leaks adds up."""
    url, pid = nano_server
    body = json.dumps({"model": MODEL, "messages": MESSAGES})
    most = before = resident(pid)

    def ask() -> None:
        httpx.post(f"{url}/v1/chat/completions", content=body, timeout=60)

    for _ in range(3):
        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            most = max(most, resident(pid))
            time.sleep(0.02)
    assert most - before < 600
    end = time.monotonic() + 10
    while resident(pid) - before > 100 and time.monotonic() < end:
        time.sleep(0.2)
    assert resident(pid) - before < 100


async def test_work_that_is_cancelled_before_a_thread_is_free_never_runs() -> None:
    slow, release, ran = SlowWork(threads=1), threading.Event(), []
    first = asyncio.create_task(slow.run(release.wait, 10))
    second = asyncio.create_task(slow.run(ran.append, 1))
    await asyncio.sleep(0.05)
    second.cancel()
    await asyncio.sleep(0.05)  # before a thread is free
    release.set()
    assert await first
    assert await slow.run(lambda: 3) == 3
    assert not ran


def test_a_prompt_a_little_too_long_is_still_counted(nano_server: tuple[str, int]) -> None:
    url, _ = nano_server
    text = TEXT[:40_000]
    count = httpx.post(f"{url}/v1/tokenize", json={"text": text}).json()["count"]
    answer = httpx.post(f"{url}/v1/completions", json={"model": MODEL, "prompt": text})
    assert count > 4096
    assert answer.status_code == 400 and "tokens exceeds the context window" in answer.text
    assert httpx.post(f"{url}/v1/tokenize", json={"model": MODEL, "text": text}).json()["count"] == count
