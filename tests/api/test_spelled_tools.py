"""Tools on a model whose template knows none: offered as text, said in a header, refused by a strict server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.api.server import FLASH, start

from mimo.engines.scripted.script import Script, ScriptedAnswer

PLAIN = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
TOOL = {"name": "look", "parameters": {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]}}
TOOLS = [{"type": "function", "function": TOOL}]
CALL = '<tool_call>\n{"name": "look", "arguments": {"at": "Oslo"}}\n</tool_call>'
USER = {"role": "user", "content": "where?"}
HISTORY = [
    USER,
    {
        "role": "assistant",
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "a", "content": "rain"},
]
PATHS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [USER], "tools": TOOLS},
    "/v1/responses": {"input": "where?", "tools": [{"type": "function", **TOOL}]},
    "/v1/messages": {
        "messages": [USER], "max_tokens": 100, "tools": [{"name": "look", "input_schema": TOOL["parameters"]}]
    },
}  # fmt: skip


def serving(**options: Any):
    return start(Script([ScriptedAnswer([CALL])]), template=PLAIN, **options)


@pytest.mark.parametrize("path", PATHS)
def test_a_call_comes_back_on_every_protocol_and_a_notice_says_how(path):
    with serving() as server:
        answer = server.post(json.dumps({"model": FLASH, **PATHS[path]}), path)
    assert answer.status_code == 200 and "no place for tools" in answer.headers["x-mimo-notice"]
    assert "Oslo" in answer.text and "tool_call>" not in answer.text


def test_a_streamed_call_is_the_one_of_the_whole_answer(events):
    with serving() as server:
        body = {"model": FLASH, **PATHS["/v1/chat/completions"]}
        whole = server.post(json.dumps(body)).json()["choices"][0]["message"]["tool_calls"]
        chunks = events(server.post(json.dumps({**body, "stream": True})).text)
    deltas = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
    assert [call["function"].get("name") for call in deltas] == ["look", None]
    assert "".join(call["function"]["arguments"] for call in deltas) == whole[0]["function"]["arguments"]
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_calls_of_a_history_are_kept_as_text_and_a_notice_says_so():
    with serving() as server:
        answer = server.post(json.dumps({"model": FLASH, "messages": HISTORY}))
        plain = server.post(json.dumps({"model": FLASH, "messages": [USER]}))
    assert answer.status_code == 200 and "written as text" in answer.headers["x-mimo-notice"]
    assert "x-mimo-notice" not in plain.headers


@pytest.mark.parametrize("fields", [{"messages": [USER], "tools": TOOLS}, {"messages": HISTORY}])
def test_a_strict_server_refuses_by_name(fields):
    with serving(strict=True) as server:
        answer = server.post(json.dumps({"model": FLASH, **fields}))
        assert server.post(json.dumps({"model": FLASH, "messages": [USER]})).status_code == 200
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "tools")


def test_tools_that_may_not_be_called_are_not_written():
    with serving() as server:
        body = {"model": FLASH, "messages": [USER], "tools": TOOLS, "tool_choice": "none"}
        assert "x-mimo-notice" not in server.post(json.dumps(body)).headers
