"""Several choices of one request stream side by side, and none waits for the end of another."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from mimo.testing import Script, ScriptedAnswer, served

ASK = {"model": "mimo-v2-flash", "n": 3, "stream": True, "max_tokens": 40, "ignore_eos": True, "seed": 5}
ROUTES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "Tell me a story."}]},
    "/v1/completions": {"prompt": "Once upon a time"},
}
WORDS = Script([ScriptedAnswer([{"repeat": 40, "steps": ["word "]}])] * 3, delay=0.005)


def order(url: str, path: str) -> list[int]:
    """Whose text came, chunk by chunk."""
    body = json.dumps({**ASK, **ROUTES[path]}).encode()
    request = urllib.request.Request(url + path, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=240) as answer:
        rows = [json.loads(line[6:]) for line in answer.read().decode().splitlines() if line.startswith("data: {")]
    choices = [choice for row in rows for choice in row["choices"]]
    return [choice["index"] for choice in choices if choice.get("text") or choice.get("delta", {}).get("content")]


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("script", [None, WORDS], ids=["nano", "scripted"])
def test_choices_stream_side_by_side(path: str, script: Script | None) -> None:
    with served(script=script) as (url, _):
        came = order(url, path)
    assert set(came) == {0, 1, 2}
    firsts = [came.index(choice) for choice in range(3)]
    lasts = [len(came) - 1 - came[::-1].index(choice) for choice in range(3)]
    assert max(firsts) < min(lasts), came  # each has begun before any has ended
