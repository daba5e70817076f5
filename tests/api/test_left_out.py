"""Rules of a schema that a forced call cannot be held to are reported by the client's path, or refused if strict."""

from __future__ import annotations

import json

import pytest
from tests.api.server import FLASH, start

from mimo.engines.scripted.script import Script, ScriptedAnswer

SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "anyOf": [{"const": "x"}]}}, "minProperties": 1}
MESSAGES = [{"role": "user", "content": "hi"}]
CALL = ["<tool_call>", "<function=f>", "<parameter=a>x</parameter>", "</function>", "</tool_call>"]
ASK = {
    "/v1/chat/completions": (
        {
            "messages": MESSAGES,
            "tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
            "tool_choice": "required",
        },
        "tools[0].function.parameters",
    ),
    "/v1/messages": (
        {
            "messages": MESSAGES,
            "max_tokens": 99,
            "tools": [{"name": "f", "input_schema": SCHEMA}],
            "tool_choice": {"type": "any"},
        },
        "tools[0].input_schema",
    ),
    "/v1/responses": (
        {
            "input": "hi",
            "tools": [{"type": "web_search"}, {"type": "function", "name": "f", "parameters": SCHEMA}],
            "tool_choice": "required",
        },
        "tools[1].parameters",
    ),
}


@pytest.mark.parametrize("path", ASK)
def test_rules_that_are_not_enforced_in_a_forced_call_are_reported_by_the_clients_path(path):
    body, where = ASK[path]
    with start(Script([ScriptedAnswer(CALL)])) as server:
        answer = server.post(json.dumps({"model": FLASH, **body}), path)
    assert answer.status_code == 200, answer.text
    reports = answer.headers["x-mimo-ignored"].split(", ")
    assert {f"{where}.minProperties", f"{where}.properties.a.anyOf"} <= set(reports), reports


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_strict_server_refuses_it_by_that_path(path):
    body, where = ASK[path]
    with start(Script([ScriptedAnswer(CALL)]), strict=True) as server:
        answer = server.post(json.dumps({"model": FLASH, **body}), path)
    assert answer.status_code == 400 and where in answer.json()["error"]["message"]
