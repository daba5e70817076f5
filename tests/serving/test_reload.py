"""SIGHUP: settings are read again, and streams go on."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import httpx
import pytest

from mimo.testing import Script, ScriptedAnswer, served

ENDLESS = Script([ScriptedAnswer([{"repeat": 400, "steps": ["word "]}])], delay=0.01)
ASK = {"model": "mimo-v2-flash", "messages": [{"role": "user", "content": "hi"}]}


class Settled:
    """A server with a settings file."""

    def __init__(self, url: str, process, file: Path) -> None:
        self.url, self._process, self._file = url, process, file

    def write(self, text: str) -> None:
        self._file.write_text(text)
        self._process.send_signal(signal.SIGHUP)

    def ask(self, key: str | None = None, **fields) -> httpx.Response:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return httpx.post(f"{self.url}/v1/chat/completions", json={**ASK, **fields}, headers=headers, timeout=60)

    def wait(self, true) -> None:
        end = time.monotonic() + 60
        while not true():
            assert time.monotonic() < end, "it did not come to that"
            time.sleep(0.05)


@pytest.fixture(params=[1, 2])
def settled(request, tmp_path):
    file = tmp_path / "mimo.toml"
    file.write_text('api_keys = ["one"]\n')
    folder = ("--data-dir", str(tmp_path / "data"), "--workers", str(request.param))
    with served("--config", str(file), *folder, script=ENDLESS) as server:
        yield Settled(server.url, server.process, file)


def test_keys_models_and_limits_change_without_dropping_a_stream(settled):
    headers = {"authorization": "Bearer one"}
    body = json.dumps({**ASK, "stream": True, "max_completion_tokens": 300})
    url = f"{settled.url}/v1/chat/completions"
    with httpx.stream("POST", url, content=body, headers=headers, timeout=60) as stream:
        chunks = stream.iter_text()
        next(chunks)
        settled.write('api_keys = ["two"]\nstrict = true\n[aliases]\n"team" = "mimo-v2-flash"\n')
        settled.wait(lambda: settled.ask("one", max_completion_tokens=1).status_code == 401)
        settled.wait(lambda: settled.ask("two", model="team", max_completion_tokens=1).status_code == 200)
        assert settled.ask("two", mood="good").status_code == 400
        text = "".join(chunks)
    assert text.endswith("data: [DONE]\n\n") and text.count('"content":"word') > 250


def test_a_file_with_a_mistake_changes_nothing(settled):
    settled.write('api_keys = ["two"]\nslots = "many"\n')
    time.sleep(1.0)
    assert settled.ask("one", max_completion_tokens=1).status_code == 200
    settled.write('api_keys = ["three"]\n')
    settled.wait(lambda: settled.ask("three", max_completion_tokens=1).status_code == 200)
