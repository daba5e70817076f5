"""The server that a command starts for itself: nobody else is answered, and it ends with its block."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from mimo.config import Settings
from mimo.serving.console import log_console
from mimo.serving.loopback import loopback


async def test_only_who_has_the_key_is_answered_and_only_inside_the_block(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"answers": [{"steps": ["Hi"]}]}))
    body = {"model": "mimo-v2-flash", "messages": [{"role": "user", "content": "hello"}]}
    async with httpx.AsyncClient(timeout=60) as client:
        async with loopback(Settings(engine="scripted", script=script), log_console()) as (url, key):
            assert url.startswith("http://127.0.0.1:") and len(key) >= 32
            path = f"{url}/v1/chat/completions"
            refused = await client.post(path, json=body)
            answered = await client.post(path, json=body, headers={"authorization": f"Bearer {key}"})
        assert refused.status_code == 401
        assert answered.json()["choices"][0]["message"]["content"] == "Hi"
        with pytest.raises(httpx.ConnectError):
            await client.post(path, json=body)
