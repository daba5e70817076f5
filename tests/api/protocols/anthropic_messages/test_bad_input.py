"""What nobody should send to /v1/messages: every case is a 4xx in Anthropic's envelope that names Anthropic's field."""

from __future__ import annotations

import json

import pytest

FLASH = "mimo-v2-flash"
TOOL = {"name": "f", "input_schema": {"type": "object"}}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
PATHS = ["/v1/messages", "/v1/messages/count_tokens"]


def ask(**fields):
    return {"model": FLASH, "messages": [{"role": "user", "content": "hi"}], **fields}


def said(*blocks, role="user"):
    return ask(messages=[{"role": role, "content": list(blocks)}])


def result(**fields):
    use = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    block = {"type": "tool_result", "tool_use_id": "t", **fields}
    return ask(messages=[{"role": "assistant", "content": [use]}, {"role": "user", "content": [block]}])


IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "x"}}
BAD = [  # body, what the message begins with
    ({"messages": []}, "model is required"),
    (ask(model=5), "model is required"),
    ({"model": FLASH}, "messages is required"),
    (ask(messages=[]), "messages must be an array of at least one message"),
    (ask(messages=[5]), "messages[0] must be an object"),
    (ask(messages=[{"role": "developer", "content": "x"}]), "messages[0].role must be one of user, assistant, system"),
    (said(IMAGE, role="system"), "messages[0].content[0].type must be text"),
    (ask(messages=[{"role": "user"}]), "messages[0].content must be"),
    (ask(messages=[{"role": "user", "content": []}]), "messages[0].content must be"),
    (said("x"), "messages[0].content[0] must be an object"),
    (said({}), "messages[0].content[0].type must be"),
    (said({"type": []}), "messages[0].content[0].type must be"),
    (said({"type": "document"}), "messages[0].content[0].source must be an object"),
    (said({"type": "document", "source": {"type": "zip"}}), "messages[0].content[0].source.type must be text or"),
    (said({"type": "document", "source": {"type": "text"}}), "messages[0].content[0].source.data must be a string"),
    (
        said({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}}),
        "messages[0].content[0].source is base64, which holds a PDF",
    ),
    (said({"type": "document", "source": {"type": "text", "data": "x"}, "title": 5}), "messages[0].content[0].title"),
    (said({"type": "search_result", "title": "t", "source": "s"}), "messages[0].content[0].content must be"),
    (ask(output_config={"effort": "huge"}), "output_config.effort must be one of"),
    (said({"type": "text"}), "messages[0].content[0].text must be a string"),
    (said({"type": "tool_use", "id": "a", "name": "f", "input": {}}), "messages[0].content[0].type must be"),
    (said({"type": "thinking"}, role="assistant"), "messages[0].content[0].thinking must be a string"),
    (said({"type": "tool_use", "id": "", "name": "f", "input": {}}, role="assistant"), "messages[0].content[0].id"),
    (said({"type": "tool_use", "id": "a", "name": 5, "input": {}}, role="assistant"), "messages[0].content[0].name"),
    (
        said({"type": "tool_use", "id": "a", "name": "f", "input": "{}"}, role="assistant"),
        "messages[0].content[0].input",
    ),
    (said({"type": "tool_use", "id": "a", "name": "f", "input": {}}, role="assistant"), "messages[0] must be followed"),
    (said(IMAGE), "messages[0].content[0] is image and mimo-v2-flash takes text only"),
    (
        {**said(IMAGE), "model": "mimo-v2-omni"},
        "messages[0].content[0] must be base64, whose length is a multiple of 4",
    ),
    (said({"type": "tool_result"}), "messages[0].content[0].tool_use_id must be a string"),
    (said({"type": "tool_result", "tool_use_id": "zzz"}), "messages[0].content[0].tool_use_id must be the id"),
    (result(is_error="yes"), "messages[1].content[0].is_error must be true or false"),
    (result(content=5), "messages[1].content[0].content must be"),
    (result(content=[IMAGE]), "messages[1].content[0].content[0] is image"),
    (result(content=[{"type": "text", "text": 5}]), "messages[1].content[0].content[0].text must be a string"),
    (ask(system=5), "system must be a string or an array"),
    (ask(system=[IMAGE]), "system[0].type must be text"),
    (ask(system=[{"type": "text"}]), "system[0].text must be a string"),
    (ask(thinking=True), "thinking must be an object"),
    (ask(thinking={"type": "auto"}), "thinking.type must be one of enabled, adaptive, disabled"),
    (ask(thinking={"type": "enabled", "budget_tokens": -1}), "thinking.budget_tokens must be between"),
    (ask(tools={}), "tools must be an array"),
    (ask(tools=[5]), "tools[0] must be an object"),
    (ask(tools=[{"name": "f"}]), "tools[0].input_schema must be"),
    (ask(tools=[{"name": "f", "input_schema": "object"}]), "tools[0].input_schema must be"),
    (ask(tools=[{"name": "f", "input_schema": {"type": "string"}}]), "tools[0].input_schema.type must be object"),
    (ask(tools=[{"name": "a b", "input_schema": {}}]), "tools[0].name must be"),
    (ask(tools=[TOOL, TOOL]), "tools[1].name must be a name of its own"),
    (ask(tools=[{**TOOL, "name": f"f{at}"} for at in range(1100)]), "tools may hold at most 1024 tools, got 1100"),
    (ask(tools=[{**TOOL, "name": "f" * 129}]), "tools[0].name must be 1 to 128 letters"),
    (ask(tools=[{"name": "f", "input_schema": {"properties": {"a": None}}}]), "tools[0].input_schema.properties.a"),
    (ask(tools=[{"type": 5, "name": "web_search"}]), "tools[0].type must be custom"),
    (ask(tools=[SEARCH], tool_choice={"type": "tool", "name": "web_search"}), "tool_choice needs tools"),
    (ask(tools=[SEARCH], tool_choice={"type": "any"}), "tool_choice needs tools"),
    (ask(tools=[SEARCH, TOOL], tool_choice={"type": "tool", "name": "web_search"}), "tool_choice.name must be one of"),
    (
        ask(tools=[SEARCH, {"name": "f", "input_schema": {"type": "string"}}]),
        "tools[1].input_schema.type must be object",
    ),
    (ask(tools=[SEARCH, {"name": "a b", "input_schema": {}}]), "tools[1].name must be"),
    (ask(tools=[TOOL], tool_choice="any"), "tool_choice must be an object"),
    (ask(tools=[TOOL], tool_choice={"type": "required"}), "tool_choice.type must be one of auto, any, tool, none"),
    (ask(tools=[TOOL], tool_choice={"type": "tool"}), "tool_choice.name must be"),
    (ask(tools=[TOOL], tool_choice={"type": "tool", "name": "g"}), "tool_choice.name must be one of the tools"),
    (ask(tool_choice={"type": "any"}), "tool_choice needs tools"),
    (
        ask(tools=[TOOL], tool_choice={"type": "auto", "disable_parallel_tool_use": 1}),
        "tool_choice.disable_parallel_tool_use must be true or false",
    ),
    (
        ask(
            tools=[{"name": "f", "input_schema": {"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}}}],
            tool_choice={"type": "any"},
        ),
        "tools[0].input_schema.properties.a.$ref",
    ),
]
NOT_COUNTED = [  # the same, of fields that a count does not look at
    (ask(max_tokens=0), "max_tokens must be between 1 and 64000"),
    (ask(max_tokens="5"), "max_tokens must be an integer"),
    (ask(temperature=2.5), "temperature must be between 0 and 2, got 2.5"),
    (ask(top_p=True), "top_p must be a number"),
    (ask(stop_sequences="x"), "stop_sequences must be an array"),
    (ask(stop_sequences=["a"] * 5), "stop_sequences must be"),
    (ask(stop_sequences=["a", ""]), "stop_sequences[1] must be a non-empty string"),
    (ask(stream="yes"), "stream must be true or false"),
    (ask(output_config=[]), "output_config must be an object"),
    (ask(output_config={"format": {"type": "text"}}), "output_config.format must be"),
    (ask(logit_bias={"99999": 1}), "logit_bias token ids must be below the vocabulary"),
    (ask(messages=[{"role": "user", "content": "x" * 40_000}]), "prompt is too long: "),
    (
        ask(messages=[{"role": "assistant", "content": "So"}], thinking={"type": "enabled"}),
        "thinking must be disabled where the last message is an assistant's",
    ),
]


def check(answer, words):
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert set(body) == {"type", "error", "request_id"}
    assert body["error"]["type"] == "invalid_request_error"
    assert body["error"]["message"].startswith(words), body["error"]["message"]
    assert body["request_id"] == answer.headers["request-id"]


@pytest.mark.parametrize(("body", "words"), BAD, ids=lambda value: str(value)[:60])
def test_a_wrong_field_is_named_and_the_next_request_answered(server, body, words):
    for path in PATHS:
        check(server.post(json.dumps(body), path), words)
    check(server.post(json.dumps({**body, "stream": True}), PATHS[0]), words)
    assert server.post(json.dumps(ask()), PATHS[0]).status_code == 200
    assert server.running(0) == 0


@pytest.mark.parametrize(("body", "words"), NOT_COUNTED, ids=lambda value: str(value)[:60])
def test_so_is_a_field_that_a_count_does_not_look_at(server, body, words):
    check(server.post(json.dumps(body), PATHS[0]), words)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"model": "\xff"}', b'{"a":' * 100_000])
def test_a_body_that_is_no_request_is_refused(server, body):
    for path in PATHS:
        answer = server.post(body, path)
        assert (answer.status_code, answer.json()["type"]) == (400, "error")


@pytest.mark.parametrize("path", [*PATHS, "/anthropic/v1/messages", "/anthropic/v1/nope"])
def test_every_error_of_the_protocol_has_its_envelope(server, serving, path):
    if "nope" in path:
        assert server.http.post(path).json()["error"]["type"] == "not_found_error"
        return
    assert server.http.get(path).json()["error"]["type"] == "invalid_request_error"
    unknown = server.post(json.dumps(ask(model="claude")), path)
    assert (unknown.status_code, unknown.json()["error"]["type"]) == (404, "not_found_error")
    with serving(keys=["k"], body_limit=500) as locked:
        refused = locked.post(json.dumps(ask()), path)
        assert (refused.status_code, refused.json()["error"]["type"]) == (401, "authentication_error")
        assert locked.post(json.dumps(ask()), path, **{"x-api-key": "k"}).status_code == 200
        large = locked.post(json.dumps(ask(system="x" * 600)), path, **{"x-api-key": "k"})
        assert (large.status_code, large.json()["error"]["type"]) == (413, "request_too_large")
