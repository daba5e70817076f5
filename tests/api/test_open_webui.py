"""The requests that Open WebUI sends to an OpenAI-compatible address, in the shapes of its routers and middleware.

Its package takes gigabytes, so it is not run: the shapes are those of its public source (routers/openai.py,
utils/payload.py, utils/middleware.py), and no code of it is here.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

HEADERS = {
    "authorization": "Bearer none",
    "x-openwebui-user-name": "Ada%20L",
    "x-openwebui-user-id": "1f0c",
    "x-openwebui-user-role": "admin",
    "x-openwebui-chat-id": "77",
}
ASK: dict[str, Any] = {"model": "mimo-v2-flash", "messages": [{"role": "user", "content": "Hello"}]}
STREAM = {"stream": True, "stream_options": {"include_usage": True}}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
SHAPES: dict[str, dict[str, Any]] = {
    "a chat": {**ASK, **STREAM},
    "a chat with the settings of its panel": {
        **ASK, **STREAM, "temperature": 0.8, "top_p": 0.9, "max_tokens": 128, "frequency_penalty": 0.0,
        "presence_penalty": 0.0, "seed": 3, "stop": ["###"], "reasoning_effort": "medium", "logit_bias": {"30": 5},
    },
    "a system prompt, and an answer with its reasoning folded in": {
        **ASK, **STREAM, "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": '<details type="reasoning" done="true">\n> Hm\n</details>\nHello'},
            {"role": "user", "content": [{"type": "text", "text": "And now?"}]},
        ],
    },
    "its own tools, and what came of one": {
        **ASK, **STREAM, "tools": [WEATHER], "messages": [
            {"role": "user", "content": "The weather?"},
            {"role": "assistant", "content": "", "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        ],
    },
    "a title": {**ASK, "stream": False, "max_completion_tokens": 1000},
    "a title, older": {**ASK, "stream": False, "max_tokens": 1000},
    "tags as JSON": {**ASK, "stream": False, "response_format": {"type": "json_object"}},
}  # fmt: skip
ONLY_OLLAMA = {"top_k": 40, "min_p": 0.1, "repeat_penalty": 1.1, "num_ctx": 8192, "keep_alive": "5m"}
"""Settings of its panel for Ollama, which it sends to every address."""


def test_a_connection_is_verified_by_the_list_of_models(server):
    listed = server.http.get("/v1/models", headers=HEADERS)
    assert listed.status_code == 200
    assert all(isinstance(row["id"], str) and row["object"] == "model" for row in listed.json()["data"])


@pytest.mark.parametrize("shape", SHAPES)
def test_no_request_is_refused_and_every_stream_is_whole(server, shape):
    body = SHAPES[shape]
    answer = server.http.post("/v1/chat/completions", json=body, headers=HEADERS)
    assert answer.status_code == 200, answer.text
    assert "x-mimo-ignored" not in answer.headers
    if not body["stream"]:
        assert isinstance(answer.json()["choices"][0]["message"]["content"], str)
        return
    *rows, done = [row.removeprefix("data: ") for row in answer.text.strip().split("\n\n")]
    assert done == "[DONE]"
    last = json.loads(rows[-1])
    assert last["choices"] == [] and last["usage"]["completion_tokens"] > 0


def test_settings_that_only_ollama_has_are_left_out_and_reported(server):
    answer = server.http.post("/v1/chat/completions", json={**ASK, **ONLY_OLLAMA}, headers=HEADERS)
    assert answer.status_code == 200, answer.text
    assert all(name in answer.headers["x-mimo-ignored"] for name in ONLY_OLLAMA)
