"""A model whose chat template computes for ever: one chat is refused, and the server goes on."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import httpx
from tests.engines.local.other_models import write_llama

from mimo.testing import served

BOMB = (
    "{{ messages[0].content }}{% if 'bomb' in messages[0].content %}"
    "{% for i in range(9999) %}{% set x = range(99999) | list | sort %}{% endfor %}{% endif %}"
)


def test_a_template_that_computes_for_ever_stops_neither_the_server_nor_its_end(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gguf"
    write_llama(path, template=BOMB)
    with served("--model", str(path), "--context-window", "128", "--drain-seconds", "1") as (url, process):
        statuses: list[int] = []

        def chat(text: str) -> int:
            body = {"model": "mimo-v2-flash", "messages": [{"role": "user", "content": text}], "max_tokens": 4}
            return httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60).status_code

        assert chat("hi") == 200
        bombs = [threading.Thread(target=lambda: statuses.append(chat("bomb"))) for _ in range(4)]
        bombs[0].start()
        slowest = 0.0
        while bombs[0].is_alive():
            begun = time.monotonic()
            assert httpx.get(f"{url}/healthz", timeout=10).status_code == 200
            slowest = max(slowest, time.monotonic() - begun)
            time.sleep(0.1)
        assert statuses == [400]
        assert slowest < 2.0
        assert chat("hi again") == 200
        for bomb in bombs[1:]:
            bomb.start()
        time.sleep(1.0)
        begun = time.monotonic()
        process.terminate()
        assert process.wait(30) == 0
        assert time.monotonic() - begun < 10
        for bomb in bombs[1:]:
            bomb.join(10)
    assert statuses == [400, 503, 503, 503]
