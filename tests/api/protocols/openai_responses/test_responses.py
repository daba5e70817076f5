"""POST /v1/responses: the response and its stream, whose events come in order, over a real socket."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from mimo.engines.scripted.script import Script, ScriptedAnswer

FLASH = "mimo-v2-flash"
CALL = [
    "<tool_call>", "<function=weather>", "<parameter=city>Gräfelfing</parameter>", "</function>", "</tool_call>",
]  # fmt: skip
TOOLS = [
    {
        "type": "function",
        "name": "weather",
        "description": "Weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
]
SCRIPT = Script(
    [
        ScriptedAnswer(["Cold", "."], when="<tool_response>"),
        ScriptedAnswer(["<think>", "Let", " me", " see", "</think>", "I look", ".", *CALL, *CALL], when="weather"),
        ScriptedAnswer([{"logits": {"A": 1.0, "B": 1.0, "C": 0.5}}] * 12, when="random"),  # type: ignore[list-item]
        ScriptedAnswer(["Hello", ", ", "world", "!"]),
    ]
)


@pytest.fixture(scope="module")
def server(serving):
    with serving(SCRIPT) as running:
        yield running


def ask(server, text="hi", **fields):
    return server.post(json.dumps({"model": FLASH, "input": text, **fields}), "/v1/responses")


def stream(server, *arguments, **fields):
    """The events of a streamed answer; their names and numbers are checked here."""
    answer = ask(server, *arguments, stream=True, **fields)
    assert answer.status_code == 200, answer.text
    events = []
    for number, frame in enumerate(answer.text.split("\n\n")[:-1]):
        name, data = frame.split("\n")
        events.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
        assert events[-1]["sequence_number"] == number
    return events


def same(response):
    """Without what is new every time."""
    items = [
        {name: held for name, held in item.items() if name not in ("id", "call_id")} for item in response["output"]
    ]
    return {**response, "id": "", "created_at": 0, "completed_at": 0, "output": items}


def test_the_response_says_what_was_used(server):
    body = ask(server, max_output_tokens=50, temperature=0.5, instructions="Be brief.", metadata={"a": "b"}).json()
    assert body["id"].startswith("resp_") and body["object"] == "response"
    assert (body["status"], body["error"], body["incomplete_details"]) == ("completed", None, None)
    assert (body["temperature"], body["top_p"], body["max_output_tokens"]) == (0.5, 0.95, 50)
    assert (body["instructions"], body["metadata"], body["store"]) == ("Be brief.", {"a": "b"}, False)
    (message,) = body["output"]
    assert message["content"] == [{"type": "output_text", "text": "Hello, world!", "annotations": [], "logprobs": []}]
    assert body["usage"]["total_tokens"] == body["usage"]["input_tokens"] + body["usage"]["output_tokens"]
    assert body["usage"]["output_tokens_details"] == {"reasoning_tokens": 0}


def test_reasoning_text_and_calls_are_items_in_the_order_in_which_they_came(server):
    body = ask(server, "weather", tools=TOOLS, reasoning={"effort": "high"}).json()
    assert [item["type"] for item in body["output"]] == ["reasoning", "message", "function_call", "function_call"]
    reasoning, message, first, second = body["output"]
    assert reasoning["content"] == [{"type": "reasoning_text", "text": "Let me see"}]
    assert message["content"][0]["text"] == "I look."
    assert json.loads(first["arguments"]) == {"city": "Gräfelfing"} and first["name"] == "weather"
    assert first["call_id"].startswith("call_") and first["call_id"] != second["call_id"]
    assert body["status"] == "completed"


CASES = [
    ("hi", {}),
    ("hi", {"max_output_tokens": 2}),
    ("weather", {}),
    ("weather", {"reasoning": {"effort": "low"}, "max_output_tokens": 3}),
    ("weather", {"reasoning": {"effort": "low"}, "tools": TOOLS}),
    ("random", {"seed": 4, "include": ["message.output_text.logprobs"], "top_logprobs": 2}),
]


@pytest.mark.parametrize(("text", "fields"), CASES, ids=str)
def test_the_last_event_of_a_stream_holds_the_response_that_is_not_streamed(server, text, fields):
    whole = ask(server, text, **fields).json()
    last = stream(server, text, **fields)[-1]
    assert last["type"] == f"response.{whole['status']}"
    assert same(last["response"]) == same(whole)


@pytest.mark.parametrize(("text", "fields"), CASES, ids=str)
def test_every_item_opens_grows_and_closes_before_the_next(server, text, fields):
    events = stream(server, text, **fields)
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    assert events[0]["response"]["output"] == [] and events[0]["response"]["status"] == "in_progress"
    output = events[-1]["response"]["output"]
    at, grown = -1, ""
    current: Any = None
    for event in events[2:-1]:
        match event["type"].rsplit(".", 2)[-2:]:
            case ["output_item", "added"]:
                at, grown, current = at + 1, "", event["item"]
                assert event["output_index"] == at and current["status"] == "in_progress"
            case ["output_item", "done"]:
                assert event["item"] == output[at] and event["item"]["id"] == current["id"]
            case ["content_part", _]:
                assert event["item_id"] == current["id"]
            case [_, "delta"]:
                grown += event["delta"]
                assert (event["item_id"], event["output_index"]) == (current["id"], at)
            case [_, "done"]:
                assert grown == event.get("text", event.get("arguments"))
    assert at == len(output) - 1


def test_what_the_limit_cut_is_incomplete(server):
    body = ask(server, max_output_tokens=2).json()
    assert (body["status"], body["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert body["output"][0]["status"] == "incomplete" and body["completed_at"] is None


def test_logprobs_come_with_the_text_where_they_are_included(server):
    fields = {"seed": 4, "include": ["message.output_text.logprobs"], "top_logprobs": 2}
    whole_logprobs = ask(server, "random", **fields).json()["output"][0]["content"][0]["logprobs"]
    deltas = [event for event in stream(server, "random", **fields) if event["type"].endswith("text.delta")]
    assert [one for event in deltas for one in event["logprobs"]] == whole_logprobs
    assert len(whole_logprobs) == 12 and len(whole_logprobs[0]["top_logprobs"]) == 2


def test_an_agent_turn_with_reasoning_calls_and_results_goes_round(server):
    answer = ask(server, "weather", tools=TOOLS, reasoning={"effort": "high"}).json()
    results = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": "-3"}
        for item in answer["output"]
        if item["type"] == "function_call"
    ]
    history = [{"role": "user", "content": "weather"}, *answer["output"], *results, {"role": "user", "content": "So?"}]
    again = ask(server, history, tools=TOOLS).json()
    assert again["output"][0]["content"][0]["text"] == "Cold."
    calls = [
        {"id": name, "type": "function", "function": {"name": "weather", "arguments": '{"city": "Gräfelfing"}'}}
        for name in "ab"
    ]
    chat = [
        {"role": "user", "content": "weather"},
        {"role": "assistant", "content": "I look.", "reasoning_content": "Let me see", "tool_calls": calls},
        *({"role": "tool", "tool_call_id": name, "content": "-3"} for name in "ab"),
        {"role": "user", "content": "So?"},
    ]
    tools = [{"type": "function", "function": {n: v for n, v in TOOLS[0].items() if n != "type"}}]
    usage = server.chat(messages=chat, tools=tools).json()["usage"]
    assert again["usage"]["input_tokens"] == usage["prompt_tokens"]


def call(**fields):
    return [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", **fields}]


BAD = [  # fields, code, param
    ({"input": None}, "invalid_request", "input"),
    ({"input": 5}, "invalid_request", "input"),
    ({"input": [5]}, "invalid_request", "input[0]"),
    ({"input": [{}]}, "invalid_request", "input[0].type"),
    ({"input": [{"type": []}]}, "invalid_request", "input[0].type"),
    ({"input": [{"type": "telepathy"}]}, "invalid_request", "input[0].type"),
    ({"input": [{"type": "item_reference", "id": "x"}]}, "invalid_request", "input[0]"),
    ({"input": [{"role": "tool", "content": "x"}]}, "invalid_request", "input[0].role"),
    ({"input": [{"role": "user"}]}, "invalid_request", "input[0].content"),
    ({"input": [{"role": "user", "content": [{}]}]}, "invalid_request", "input[0].content[0].type"),
    (
        {"input": [{"role": "user", "content": [{"type": "input_text"}]}]},
        "invalid_request",
        "input[0].content[0].text",
    ),
    (
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]},
        "unsupported_input",
        "input[0].content[0]",
    ),
    ({"input": call(call_id="")}, "invalid_request", "input[0].call_id"),
    ({"input": call(name=None)}, "invalid_request", "input[0].name"),
    ({"input": call(arguments={})}, "invalid_request", "input[0].arguments"),
    (
        {"input": [*call(), {"type": "function_call_output", "call_id": "d", "output": ""}]},
        "invalid_request",
        "input[1].call_id",
    ),
    ({"input": [*call(), {"type": "function_call_output", "call_id": "c"}]}, "invalid_request", "input[1].output"),
    ({"input": [{"type": "reasoning", "content": 5}]}, "invalid_request", "input[0].content"),
    ({"input": "x" * 40_000}, "context_length_exceeded", "input"),
    ({"instructions": 5}, "invalid_request", "instructions"),
    ({"previous_response_id": "resp_1"}, "unsupported_parameter", "previous_response_id"),
    ({"conversation": "conv_1"}, "unsupported_parameter", "conversation"),
    ({"background": True}, "unsupported_parameter", "background"),
    ({"truncation": "auto"}, "unsupported_parameter", "truncation"),
    ({"max_output_tokens": 0}, "invalid_request", "max_output_tokens"),
    ({"reasoning": "high"}, "invalid_request", "reasoning"),
    ({"reasoning": {"effort": "extreme"}}, "invalid_request", "reasoning.effort"),
    ({"text": []}, "invalid_request", "text"),
    ({"text": {"format": {"type": "json_schema", "schema": 3}}}, "invalid_request", "text.format.schema"),
    ({"text": {"format": {"type": "xml"}}}, "invalid_request", "text.format.type"),
    ({"tools": {}}, "invalid_request", "tools"),
    ({"tools": [5]}, "invalid_request", "tools[0]"),
    ({"tools": [{"type": 5}]}, "invalid_request", "tools[0].type"),
    ({"tools": [{"type": "function", "name": "a b"}]}, "invalid_request", "tools[0].name"),
    ({"tools": [{**TOOLS[0], "parameters": []}]}, "invalid_request", "tools[0].parameters"),
    ({"tools": TOOLS, "tool_choice": {"type": "function", "name": "x"}}, "invalid_request", "tool_choice.name"),
    ({"tools": TOOLS, "tool_choice": {"type": "mcp"}}, "invalid_request", "tool_choice.type"),
    ({"tools": TOOLS, "tool_choice": "any"}, "invalid_request", "tool_choice"),
    ({"tool_choice": "required"}, "invalid_request", "tool_choice"),
    ({"top_logprobs": 3}, "invalid_request", "top_logprobs"),
    ({"include": "all"}, "invalid_request", "include"),
    ({"include": [3]}, "invalid_request", "include[0]"),
]


@pytest.mark.parametrize(("fields", "code", "param"), BAD, ids=lambda value: str(value)[:60])
def test_a_wrong_field_is_named_and_the_next_request_answered(server, fields, code, param):
    for stream_ in (False, True):
        body = {"model": FLASH, "input": "hi", "stream": stream_, **fields}
        answer = server.post(json.dumps(body), "/v1/responses")
        assert answer.status_code == 400, answer.text
        error = answer.json()["error"]
        assert (error["code"], error["param"]) == (code, param)
        assert param in error["message"] or code == "context_length_exceeded"
    assert ask(server).status_code == 200


def test_what_nobody_knows_is_reported(server):
    ignored = ask(server, max_output_token=5, reasoning={"summary": "auto"}).headers["x-mimo-ignored"]
    assert "max_output_token; did you mean max_output_tokens?" in ignored and "reasoning.summary" in ignored


def test_a_stream_that_fails_ends_in_the_error_and_the_failed_response(serving):
    with serving(Script([ScriptedAnswer([{"repeat": 500, "steps": ["x", "y"]}])], delay=0.01)) as slow:
        body = {"model": FLASH, "input": "hi", "stream": True}
        with slow.http.stream("POST", "/v1/responses", json=body) as answer:
            lines = answer.iter_lines()
            assert next(lines) == "event: response.created"
            slow._loop.call_soon_threadsafe(lambda: asyncio.ensure_future(slow.engine.close()))
            rest = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data")]
        assert [event["type"] for event in rest[-2:]] == ["error", "response.failed"]
        assert rest[-2]["code"] == "service_unavailable"
        assert rest[-1]["response"]["status"] == "failed"
        numbers = [event["sequence_number"] for event in rest]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
