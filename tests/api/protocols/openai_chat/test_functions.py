"""OpenAI's older `functions` and `function_call`: taken as tools, answered in their own form, errors by their names."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from tests.api.server import FLASH, start

from mimo.engines.scripted.script import Script, ScriptedAnswer

FUNCTION = {
    "name": "weather",
    "description": "The weather in a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CALL = ["<tool_call>", "\n<function=weather>\n<parameter=city>", "Oslo", "</parameter>\n</function>\n", "</tool_call>"]
ASKED = [{"role": "user", "content": "weather in Oslo?"}]


@pytest.fixture(scope="module")
def server():
    with start(Script([ScriptedAnswer(CALL, when="Oslo"), ScriptedAnswer(["Hello"])])) as running:
        yield running


def ask(server: Any, messages: object = ASKED, **fields: Any) -> Any:
    return server.post(json.dumps({"model": FLASH, "messages": messages, **fields}))


@pytest.mark.parametrize("choice", [None, "auto", {"name": "weather"}])
def test_a_call_comes_back_in_the_old_form(server, choice):
    answer = ask(server, functions=[FUNCTION], **({} if choice is None else {"function_call": choice}))
    (one,) = answer.json()["choices"]
    assert one["finish_reason"] == "function_call" and "tool_calls" not in one["message"]
    assert one["message"]["function_call"] == {"name": "weather", "arguments": '{"city":"Oslo"}'}
    assert "x-mimo-ignored" not in answer.headers


def test_an_answer_without_a_call_is_text(server):
    (one,) = ask(server, [{"role": "user", "content": "hi"}], functions=[FUNCTION]).json()["choices"]
    assert (one["finish_reason"], one["message"]["content"]) == ("stop", "Hello")
    assert one["message"]["function_call"] is None


def test_none_forbids_calls(server):
    (one,) = ask(server, functions=[FUNCTION], function_call="none").json()["choices"]
    assert one["finish_reason"] == "stop" and one["message"]["function_call"] is None


def test_a_stream_joined_is_the_whole_answer(server, events):
    chunks = events(ask(server, functions=[FUNCTION], stream=True).text)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    calls = [delta["function_call"] for delta in deltas if "function_call" in delta]
    assert [call.get("name") for call in calls] == ["weather", None]
    assert json.loads("".join(call["arguments"] for call in calls)) == {"city": "Oslo"}
    assert not any("tool_calls" in delta for delta in deltas)
    assert chunks[-1]["choices"][0]["finish_reason"] == "function_call"


def test_openais_sdk_reads_it(server):
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="x")
    asked: Any = {"messages": ASKED, "functions": [FUNCTION]}
    call = client.chat.completions.create(model=FLASH, **asked).choices[0].message.function_call
    assert call is not None
    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "Oslo"})


def test_a_history_of_calls_in_the_old_form_is_taken(server):
    call = {"name": "weather", "arguments": '{"city": "Rome"}'}
    history = [
        {"role": "user", "content": "and Rome?"},
        {"role": "assistant", "content": None, "function_call": call},
        {"role": "function", "name": "weather", "content": "sunny"},
        {"role": "assistant", "content": None, "function_call": call, "tool_calls": None},
        {"role": "function", "name": "weather", "content": "rain"},
    ]
    answer = ask(server, history, functions=[FUNCTION])
    assert answer.status_code == 200 and answer.json()["choices"][0]["message"]["content"] == "Hello"
    new = [
        {"role": "user", "content": "and Rome?"},
        {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": call}]},
        {"role": "tool", "tool_call_id": "a", "content": "sunny"},
        {"role": "assistant", "tool_calls": [{"id": "b", "type": "function", "function": call}]},
        {"role": "tool", "tool_call_id": "b", "content": "rain"},
    ]
    tools = [{"type": "function", "function": FUNCTION}]
    same = ask(server, new, tools=tools).json()["usage"]["prompt_tokens"]
    assert answer.json()["usage"]["prompt_tokens"] == same  # and so is the prompt


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"functions": {}}, "functions"),
        ({"functions": [3]}, "functions[0]"),
        ({"functions": [{"name": "a b"}]}, "functions[0].name"),
        ({"functions": [FUNCTION, FUNCTION]}, "functions[1].name"),
        ({"functions": [{**FUNCTION, "parameters": []}]}, "functions[0].parameters"),
        ({"functions": [FUNCTION] * 129}, "functions"),
        ({"functions": [FUNCTION], "function_call": "required"}, "function_call"),
        ({"functions": [FUNCTION], "function_call": {"name": "other"}}, "function_call.name"),
        ({"functions": [FUNCTION], "function_call": {}}, "function_call.name"),
        ({"function_call": {"name": "weather"}}, "function_call"),
        ({"functions": [FUNCTION], "tools": []}, "functions"),
        ({"function_call": "auto", "tool_choice": "auto"}, "function_call"),
        ({"messages": [{"role": "function", "name": "weather", "content": "x"}]}, "messages[0].name"),
        ({"messages": [{"role": "function", "content": "x"}]}, "messages[0].name"),
        ({"messages": [{"role": "assistant", "function_call": {"name": ""}}]}, "messages[0].function_call.name"),
    ],
)
def test_what_is_wrong_is_named_as_the_client_wrote_it(server, fields, param):
    answer = ask(server, **fields)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, param), error
    assert "tools[" not in error["message"] and "tool_choice must" not in error["message"]


def test_members_that_nobody_knows_are_reported_by_their_old_path(server):
    answer = ask(server, functions=[{**FUNCTION, "zzz": 1}], function_call={"name": "weather", "yyy": 1})
    assert set(answer.headers["x-mimo-ignored"].split(", ")) == {"functions[0].zzz", "function_call.yyy"}
