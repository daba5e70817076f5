"""What nobody should send: every case is a 4xx that names the field (or works), and the next request is answered."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FLASH = "mimo-v2-flash"


def chat(**fields):
    return {"model": FLASH, "messages": [{"role": "user", "content": "hi"}], **fields}


def said(content):
    return chat(messages=[{"role": "user", "content": content}])


def message(**fields):
    return chat(messages=[{"role": "user", "content": "hi"}, fields])


def call(**fields):
    whole = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}, **fields}
    return message(role="assistant", tool_calls=[whole])


BODIES = [  # body, param, part of the message
    (b"", None, "JSON object, got nothing"),
    (b"   ", None, "JSON object, got nothing"),
    (b"{", None, "must be JSON"),
    (b'{"model": "mimo-v2-flash",}', None, "line 1"),
    (b"[]", None, "must be a JSON object, got []"),
    (b"null", None, "must be a JSON object, got null"),
    (b'"text"', None, "must be a JSON object"),
    (b"\xff\xfe{}", None, "must be UTF-8"),
    (b'{"model": "\xff"}', None, "must be UTF-8"),
    (b"[" * 300_000, None, "nested too deeply"),
    (b'{"a":' * 100_000, None, "nested too deeply"),
    (b'{"temperature": NaN}', "temperature", "finite number, got NaN"),
    (b'{"messages": [{"content": -Infinity}]}', "messages[0].content", "finite number, got -Infinity"),
    (b'{"temperature": 1e999}', "temperature", "finite number"),
    (b'{"seed": ' + b"9" * 5000 + b"}", None, "number that is too long"),
    (b'{"messages": [{"content": [{"text": "\\ud800"}]}]}', "messages[0].content[0].text", "lone surrogates"),
    (b'{"stop": ["a", "\\udc00"]}', "stop[1]", "lone surrogates"),
    (b'{"messages": [{"content": "\xed\xa0\x80"}]}', "messages[0].content", "lone surrogates"),
    (b'{"user": {"\\ud800": 1}}', "user", "field name with a lone surrogate"),
    (b'{"\\ud800": 1}', None, "field name with a lone surrogate"),
]


@pytest.mark.parametrize(("body", "param", "words"), BODIES, ids=lambda value: str(value)[:40])
def test_a_body_that_is_no_request_is_refused_and_the_next_one_answered(server, body, param, words):
    answer = server.post(body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["param"], error["type"]) == ("invalid_request", param, "error")
    assert words in error["message"]
    assert server.chat().status_code == 200


FIELDS = [  # request, code, param, message
    ({"messages": []}, "invalid_request", "model", "model is required"),
    (chat(model=5), "invalid_request", "model", "model is required"),
    (chat(model=None), "invalid_request", "model", "model is required"),
    (chat(model=""), "invalid_request", "model", "model is required"),
    ({"model": FLASH}, "invalid_request", "messages", "messages is required"),
    (chat(messages=[]), "invalid_request", "messages", "at least one message, got []"),
    (chat(messages={}), "invalid_request", "messages", "at least one message, got {}"),
    (chat(messages=["hi"]), "invalid_request", "messages[0]", 'got "hi"'),
    (chat(messages=[{}]), "invalid_request", "messages[0].role", "got null"),
    (message(role="robot", content=""), "invalid_request", "messages[1].role", 'got "robot"'),
    (message(role=[], content=""), "invalid_request", "messages[1].role", "got []"),
    (message(role="user"), "invalid_request", "messages[1].content", "got null"),
    (message(role="assistant", content=None), "invalid_request", "messages[1].content", "got null"),
    (message(role="user", content=7), "invalid_request", "messages[1].content", "got 7"),
    (message(role="user", content=[]), "invalid_request", "messages[1].content", "got []"),
    (message(role="user", content="", name=4), "invalid_request", "messages[1].name", "must be a string, got 4"),
    (
        message(role="assistant", content="", reasoning_content=1),
        "invalid_request",
        "messages[1].reasoning_content",
        "",
    ),
    (message(role="tool", content="x"), "invalid_request", "messages[1].tool_call_id", "got null"),
    (message(role="tool", content="x", tool_call_id=""), "invalid_request", "messages[1].tool_call_id", 'got ""'),
    (message(role="assistant", tool_calls=3), "invalid_request", "messages[1].tool_calls", "an array of calls"),
    (message(role="assistant", tool_calls=[3]), "invalid_request", "messages[1].tool_calls[0]", "got 3"),
    (call(id=None), "invalid_request", "messages[1].tool_calls[0].id", "got null"),
    (call(type="web"), "invalid_request", "messages[1].tool_calls[0].type", 'got "web"'),
    (call(function=[]), "invalid_request", "messages[1].tool_calls[0].function", "got []"),
    (call(function={}), "invalid_request", "messages[1].tool_calls[0].function.name", "got null"),
    (
        call(function={"name": "f", "arguments": {"a": 1}}),
        "invalid_request",
        "messages[1].tool_calls[0].function.arguments",
        "a string",
    ),
    (said(["text"]), "invalid_request", "messages[0].content[0]", 'got "text"'),
    (said([{"type": "text"}]), "invalid_request", "messages[0].content[0].text", "must be a string, got null"),
    (said([{"text": "x"}]), "invalid_request", "messages[0].content[0].type", "must be text, got null"),
    (
        said([{"type": "text", "text": "x"}, {"type": "video"}]),
        "invalid_request",
        "messages[0].content[1].type",
        'must be text, got "video"',
    ),
    (
        said([{"type": "image_url", "image_url": {"url": "x"}}]),
        "unsupported_input",
        "messages[0].content[0]",
        "mimo-v2-flash takes text only",
    ),
    ({**said([{"type": "input_audio"}]), "model": "mimo-v2-pro"}, "unsupported_input", "messages[0].content[0]", ""),
    (
        {**said([{"type": "image_url"}]), "model": "mimo-v2-omni"},
        "invalid_request",
        "messages[0].content[0].image_url",
        'must be an object like {"url": …}, got null',
    ),
    (chat(stop=["a"] * 5), "invalid_request", "stop", "1 to 4 non-empty strings"),
    (chat(stop=""), "invalid_request", "stop", 'a non-empty string, got ""'),
    (chat(stop=["a", ""]), "invalid_request", "stop[1]", "a non-empty string"),
    (chat(temperature="0.7"), "invalid_request", "temperature", 'got "0.7"'),
    (chat(temperature=True), "invalid_request", "temperature", "got true"),
    (chat(temperature=2.5), "invalid_request", "temperature", "temperature must be between 0 and 2, got 2.5"),
    (chat(n=9), "invalid_request", "n", "between 1 and 8, got 9"),
    (chat(max_completion_tokens=64_001), "invalid_request", "max_completion_tokens", "64000"),
    (chat(logit_bias={"100000": 1}), "invalid_request", "logit_bias", "vocabulary"),
    (chat(tools=3), "invalid_request", "tools", "got 3"),
    (chat(response_format="json"), "invalid_request", "response_format", 'got "json"'),
    (said("x" * 33_000), "context_length_exceeded", "messages", "exceeds the context window of 32768"),
    (chat(messages=[{"role": "user", "content": "hello"}] * 50_000), "context_length_exceeded", "messages", "window"),
]


@pytest.mark.parametrize(("body", "code", "param", "words"), FIELDS, ids=lambda value: str(value)[:60])
@pytest.mark.parametrize("stream", [False, True])
def test_a_wrong_field_is_named_and_the_next_request_answered(server, body, code, param, words, stream):
    answer = server.post(json.dumps({**body, "stream": stream}))
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == (code, param)
    assert words in error["message"]
    assert len(error["message"]) < 400
    assert server.chat().status_code == 200
    assert server.running(0) == 0


def test_fifty_thousand_messages_work_where_they_fit(serving):
    from mimo.engines.scripted.script import Script, ScriptedAnswer

    with serving(Script([ScriptedAnswer(["a"])], context_window=4_000_000)) as server:
        answer = server.chat(messages=[{"role": "user", "content": "hello"}] * 50_000)
        assert answer.status_code == 200


def test_stream_options_without_a_stream_are_refused(server):
    error = server.chat(stream_options={"include_usage": True}).json()["error"]
    assert (error["param"], "stream: true" in error["message"]) == ("stream_options", True)


def test_an_unknown_model_is_a_404_that_lists_the_models(server):
    answer = server.chat(model="MIMO-V2-FLASH")
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == ("not_found", "model")
    assert "mimo-v2-pro, mimo-v2-omni, mimo-v2-flash" in error["message"]


@pytest.mark.parametrize("arguments", ['{"a":', "[1]", "null", "", "}{", '{"a": ' + "9" * 5000 + "}", "Åbo <|im_end|>"])
def test_a_history_whose_call_is_no_json_goes_on(server, arguments):
    assert server.post(json.dumps(call(function={"name": "f", "arguments": arguments}))).status_code == 200
    calling = {"type": "function_call", "call_id": "c", "name": "f", "arguments": arguments}
    body = {"model": FLASH, "input": [{"role": "user", "content": "hi"}, calling]}
    answer = server.post(json.dumps(body), path="/v1/responses")
    assert answer.status_code == 200, answer.text


def test_arguments_nested_to_the_limit_are_answered_or_refused(server):
    for depth in (500, 900, 950, 980, 1000, 5000):
        arguments = '{"a":' * depth + "1" + "}" * depth
        answer = server.post(json.dumps(call(function={"name": "f", "arguments": arguments})))
        assert answer.status_code in (200, 400), (depth, answer.text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
parts = st.fixed_dictionaries(
    {}, optional={"type": st.sampled_from(["text", "image_url", "input_audio"]) | json_values, "text": json_values}
)
messages = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["system", "user", "assistant", "tool", "developer"]) | json_values,
        "content": st.text(max_size=20) | st.lists(parts | json_values, max_size=3) | json_values,
        "name": json_values,
        "tool_calls": json_values,
        "tool_call_id": json_values,
        "reasoning_content": json_values,
    },
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.lists(messages | json_values, max_size=3) | json_values,
    more=st.dictionaries(st.text(max_size=8), json_values, max_size=2),
)
def test_no_messages_at_all_can_make_a_500(server, value, more):
    answer = server.post(json.dumps({**more, "model": FLASH, "messages": value, "max_completion_tokens": 1}))
    assert answer.status_code in (200, 400)
    if answer.status_code == 400:
        assert set(answer.json()["error"]) == {"code", "message", "param", "type"}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=60))
def test_no_bytes_at_all_can_make_a_500(server, body):
    assert server.post(body).status_code in (400, 404)
    assert server.post(body, "/v1/tokenize").status_code in (200, 400, 404)
