"""A member that nobody knows is left out and reported by its path, at any depth and on every protocol; or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

FLASH = "mimo-v2-flash"
SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "anything": 1}}}
CASES: list[tuple[str, dict[str, Any], set[str]]] = [
    (
        "/v1/chat/completions",
        {
            "messages": [
                {"role": "user", "zzz": 1, "content": [{"type": "text", "text": "hi", "zzz": 1}]},
                {
                    "role": "assistant",
                    "reasoning_content": "so",
                    "tool_calls": [
                        {
                            "id": "c",
                            "type": "function",
                            "zzz": 1,
                            "function": {"name": "f", "arguments": "{}", "zzz": 1},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "c", "content": "x"},
            ],
            "tools": [
                {"type": "function", "zzz": 1, "function": {"name": "f", "parameters": SCHEMA, "zzz": 1}},
            ],
            "tool_choice": "auto",
            "zzz": 1,
        },
        {
            "zzz",
            "messages[0].zzz",
            "messages[0].content[0].zzz",
            "messages[1].tool_calls[0].zzz",
            "messages[1].tool_calls[0].function.zzz",
            "tools[0].zzz",
            "tools[0].function.zzz",
        },
    ),
    (
        "/v1/messages",
        {
            "system": [{"type": "text", "text": "s", "zzz": 1}],
            "messages": [
                {"role": "user", "zzz": 1, "content": [{"type": "text", "text": "hi", "zzz": 1}]},
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"own": 1}, "zzz": 1}],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "t",
                            "content": [{"type": "text", "text": "x", "zzz": 1}],
                        }
                    ],
                },
            ],
            "tools": [{"name": "f", "input_schema": SCHEMA, "zzz": 1}],
            "tool_choice": {"type": "auto", "zzz": 1},
            "thinking": {"type": "disabled", "display": "omitted"},
            "output_config": {"zzz": 1},
            "max_tokens": 50,
            "zzz": 1,
        },
        {
            "zzz",
            "system[0].zzz",
            "messages[0].zzz",
            "messages[0].content[0].zzz",
            "messages[1].content[0].zzz",
            "messages[2].content[0].content[0].zzz",
            "tools[0].zzz",
            "tool_choice.zzz",
            "thinking.display",
            "output_config.zzz",
        },
    ),
    (
        "/v1/responses",
        {
            "input": [
                {
                    "type": "message",
                    "role": "user",
                    "zzz": 1,
                    "content": [{"type": "input_text", "text": "a", "zzz": 1}],
                },
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "zzz": 1},
                {"type": "function_call_output", "call_id": "c", "output": "x", "zzz": 1},
            ],
            "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "zzz": 1}],
            "tool_choice": {"type": "function", "name": "f", "zzz": 1},
            "reasoning": {"effort": "none", "zzz": 1},
            "text": {"zzz": 1, "format": {"type": "text", "zzz": 1}},
            "zzz": 1,
        },
        {
            "zzz",
            "input[0].zzz",
            "input[0].content[0].zzz",
            "input[1].zzz",
            "input[2].zzz",
            "tools[0].zzz",
            "tool_choice.zzz",
            "reasoning.zzz",
            "text.zzz",
            "text.format.zzz",
        },
    ),
    (
        "/v1/completions",
        {"prompt": "a", "stream_options": {"zzz": 1}, "stream": True, "zzz": 1},
        {"zzz", "stream_options.zzz"},
    ),
]


def without(value: Any, name: str) -> Any:
    """`value` without the members called `name`."""
    if isinstance(value, list):
        return [without(item, name) for item in value]
    if isinstance(value, dict):
        return {key: without(item, name) for key, item in value.items() if key not in (name, "display")}
    return value


@pytest.mark.parametrize(("path", "fields", "paths"), CASES, ids=[path for path, _, _ in CASES])
def test_what_nobody_knows_is_reported_by_its_path_at_any_depth(server, path, fields, paths):
    answer = server.post(json.dumps({"model": FLASH, **fields}), path)
    assert answer.status_code == 200, answer.text
    assert set(answer.headers["x-mimo-ignored"].split(", ")) == paths
    clean = server.post(json.dumps({"model": FLASH, **without(fields, "zzz")}), path)
    assert clean.status_code == 200 and "x-mimo-ignored" not in clean.headers


@pytest.mark.parametrize(("path", "fields", "paths"), CASES, ids=[path for path, _, _ in CASES])
def test_a_strict_server_refuses_the_first_of_them_and_takes_the_rest(serving, path, fields, paths):
    with serving(strict=True) as strict:
        answer = strict.post(json.dumps({"model": FLASH, **fields}), path)
        assert answer.status_code == 400 and any(f"unknown field '{name}'" in answer.text for name in paths)
        assert strict.post(json.dumps({"model": FLASH, **without(fields, "zzz")}), path).status_code == 200


@pytest.mark.parametrize("empty", [None, []])
def test_a_member_of_a_message_that_holds_nothing_is_not_reported(server, empty):
    asked = {"role": "user", "content": "hi", "audio": empty, "annotations": empty}
    answer = server.post(json.dumps({"model": FLASH, "messages": [asked]}))
    assert answer.status_code == 200 and "x-mimo-ignored" not in answer.headers
