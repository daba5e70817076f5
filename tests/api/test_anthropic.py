"""POST /v1/messages: the message and its stream, with blocks in the order in which they came, over a real socket."""

from __future__ import annotations

import json

import pytest

from mimo.engines.scripted.script import Script, ScriptedAnswer

FLASH = "mimo-v2-flash"
CALL = [
    "<tool_call>", "<function=weather>", "<parameter=city>Gräfelfing</parameter>", "<parameter=days>3</parameter>",
    "</function>", "</tool_call>",
]  # fmt: skip
TOOLS = [
    {
        "name": "weather",
        "description": "Weather of a city",
        "input_schema": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        },
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
HELLO = [{"role": "user", "content": "hi"}]
WEATHER = [{"role": "user", "content": [{"type": "text", "text": "weather", "cache_control": {"type": "ephemeral"}}]}]


@pytest.fixture(scope="module")
def server(serving):
    with serving(SCRIPT) as running:
        yield running


def ask(server, path="/v1/messages", **fields):
    return server.post(json.dumps({"model": FLASH, "messages": HELLO, **fields}), path)


def stream(server, **fields):
    """The events of a streamed answer: name and data, which must agree."""
    answer = ask(server, stream=True, **fields)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    frames = answer.text.split("\n\n")
    assert frames[-1] == ""
    events = []
    for frame in frames[:-1]:
        name, data = frame.split("\n")
        events.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
    return events


def joined(events):
    """The message that a client builds from the events."""
    message = events[0]["message"]
    for event in events[1:]:
        match event["type"]:
            case "content_block_start":
                assert event["index"] == len(message["content"])
                message["content"].append(event["content_block"])
                arguments = ""
            case "content_block_delta":
                delta, block = event["delta"], message["content"][event["index"]]
                if delta["type"] == "input_json_delta":
                    arguments += delta["partial_json"]
                else:
                    block[delta["type"].removesuffix("_delta")] += delta[delta["type"].removesuffix("_delta")]
            case "content_block_stop":
                if message["content"][-1]["type"] == "tool_use":
                    message["content"][-1]["input"] = json.loads(arguments or "{}")
            case "message_delta":
                message |= {**event["delta"], "usage": event["usage"]}
    return message


def same(message):
    """Without what is new every time."""
    blocks = [{name: value for name, value in block.items() if name != "id"} for block in message["content"]]
    return {**message, "id": "", "content": blocks}


def test_the_message_has_every_field_of_the_contract(server):
    answer = ask(server, max_tokens=50)
    body = answer.json()
    assert body["id"].startswith("msg_") and len(body["id"]) == 28
    assert (body["type"], body["role"], body["model"]) == ("message", "assistant", FLASH)
    assert body["content"] == [{"type": "text", "text": "Hello, world!", "citations": []}]
    assert (body["stop_reason"], body["stop_sequence"]) == ("end_turn", None)
    usage = body["usage"]
    assert usage["output_tokens"] == 4 and usage["input_tokens"] > 0
    assert (usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]) == (0, 0)
    assert "max_completion_tokens=50" in answer.headers["x-mimo-parameters"]
    assert answer.headers["request-id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/v1/messages", "/anthropic/v1/messages"])
def test_both_paths_answer(server, path):
    assert ask(server, path).json()["content"][0]["text"] == "Hello, world!"
    counted = ask(server, f"{path}/count_tokens").json()["input_tokens"]
    assert counted == ask(server, path).json()["usage"]["input_tokens"]


def test_thinking_text_and_calls_are_blocks_in_the_order_in_which_they_came(server):
    body = ask(server, messages=WEATHER, tools=TOOLS, thinking={"type": "enabled"}).json()
    assert [block["type"] for block in body["content"]] == ["thinking", "text", "tool_use", "tool_use"]
    thinking, text, first, second = body["content"]
    assert (thinking["thinking"], thinking["signature"], text["text"]) == ("Let me see", "", "I look.")
    assert first["input"] == second["input"] == {"city": "Gräfelfing", "days": 3}
    assert first["id"].startswith("toolu_") and first["id"] != second["id"]
    assert body["stop_reason"] == "tool_use"
    assert body["usage"]["output_tokens_details"] == {"thinking_tokens": 3}


def test_one_call_at_a_time_where_the_client_wants_it(server):
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    body = ask(server, messages=WEATHER, tools=TOOLS, tool_choice=choice).json()
    assert [block["type"] for block in body["content"]].count("tool_use") == 1


CASES = [
    {},
    {"max_tokens": 2},
    {"stop_sequences": [", w"]},
    {"messages": WEATHER},
    {"messages": WEATHER, "thinking": {"type": "enabled"}},
    {"messages": WEATHER, "thinking": {"type": "enabled", "budget_tokens": 2}},
    {"messages": WEATHER, "thinking": {"type": "enabled"}, "tools": TOOLS},
    {"messages": WEATHER, "max_tokens": 2, "thinking": {"type": "enabled"}, "tools": TOOLS},
    {"messages": [{"role": "user", "content": "random"}], "seed": 5},
]


@pytest.mark.parametrize("fields", CASES, ids=str)
def test_a_stream_joined_is_the_message_that_is_not_streamed(server, fields):
    assert same(joined(stream(server, **fields))) == same(ask(server, **fields).json())


def test_the_events_come_in_order_and_every_block_is_closed(server):
    events = stream(server, messages=WEATHER, thinking={"type": "enabled"}, tools=TOOLS)
    kinds = [event["type"] for event in events]
    assert kinds[:2] == ["message_start", "ping"]
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert events[0]["message"]["usage"]["input_tokens"] == events[-2]["usage"]["input_tokens"]
    opened = -1
    inside = False
    for event in events[2:-2]:
        match event["type"]:
            case "content_block_start":
                assert not inside
                opened, inside = opened + 1, True
                assert event["index"] == opened
            case "content_block_stop":
                assert inside and event["index"] == opened
                inside = False
            case kind:
                assert (kind, event["index"], inside) == ("content_block_delta", opened, True)
    assert opened == 3 and not inside


@pytest.mark.parametrize(
    ("fields", "reason", "text"),
    [
        ({}, "end_turn", None),
        ({"max_tokens": 1}, "max_tokens", None),
        ({"stop_sequences": ["zzz", "rld"]}, "stop_sequence", "rld"),
        ({"messages": WEATHER, "tools": TOOLS}, "tool_use", None),
    ],
    ids=str,
)
def test_it_says_why_it_stopped(server, fields, reason, text):
    body = ask(server, **fields).json()
    assert (body["stop_reason"], body["stop_sequence"]) == (reason, text)


def prompt(server, **fields):
    return ask(server, "/v1/messages/count_tokens", **fields).json()["input_tokens"]


def test_system_text_and_blocks_are_the_same_prompt(server):
    blocks = [
        {"type": "text", "text": "Be"},
        {"type": "text", "text": "brief.", "cache_control": {"type": "ephemeral"}},
    ]
    assert prompt(server, system=blocks) == prompt(server, system="Be\nbrief.") < prompt(server)  # MiMo's own is longer


def test_a_trailing_assistant_message_is_continued(server):
    open_turn = [*HELLO, {"role": "assistant", "content": "The answer is"}]
    asked = prompt(server, messages=open_turn)
    assert asked == prompt(server) + len("The answer is")
    answer = ask(server, messages=open_turn, model="mimo-v2-pro")
    assert answer.json()["content"][0]["text"] == "Hello, world!"
    assert "thinking=disabled" in answer.headers["x-mimo-parameters"]


def test_an_agent_turn_with_thinking_calls_and_results_goes_round(server):
    answer = ask(server, messages=WEATHER, tools=TOOLS, thinking={"type": "enabled"}).json()
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": [{"type": "text", "text": "-3"}]}
        for block in answer["content"]
        if block["type"] == "tool_use"
    ]
    history = [
        *WEATHER,
        {"role": "assistant", "content": answer["content"]},
        {"role": "user", "content": [*results, {"type": "text", "text": "So?"}]},
    ]
    assert ask(server, messages=history, tools=TOOLS).json()["content"][0]["text"] == "Cold."
    ours = [
        {"role": "user", "content": "weather"},
        {
            "role": "assistant",
            "content": "I look.",
            "reasoning_content": "Let me see",
            "tool_calls": [
                {
                    "id": name,
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city": "Gräfelfing", "days": 3}'},
                }
                for name in "ab"
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": "-3"},
        {"role": "tool", "tool_call_id": "b", "content": "-3"},
        {"role": "user", "content": "So?"},
    ]
    body = {"model": FLASH, "messages": ours}
    chat = server.post(json.dumps(body)).json()["usage"]["prompt_tokens"]
    assert prompt(server, messages=history) == chat


def test_the_model_sees_that_a_tool_failed(server):
    def sent(**fields):
        call = {"type": "tool_use", "id": "t", "name": "weather", "input": {}}
        result = {"type": "tool_result", "tool_use_id": "t", "content": "no such city", **fields}
        turns = [*HELLO, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
        return prompt(server, messages=turns)

    assert sent(is_error=True) == sent() + len("Error: ")
    assert sent(is_error=False) == sent()


def test_an_answer_can_be_constrained_to_a_schema(server):
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    bad = ask(server, output_config={"format": {"type": "json_schema", "schema": {"contains": 3}}})
    assert bad.status_code == 400 and "output_config.format.schema" in bad.json()["error"]["message"]
    assert ask(server, "/v1/messages", output_config={"format": {"type": "json_schema", "schema": schema}}).is_success


def test_what_nobody_knows_is_reported(server):
    answer = ask(server, max_token=5, top_k=3, messages=[{"role": "user", "content": "hi", "x": 1}])
    reported = answer.headers["x-mimo-ignored"]
    assert "max_token; did you mean max_tokens?" in reported and "top_k" in reported and "messages[0].x" in reported


@pytest.mark.parametrize("kind", ["web_search_20250305", "code_execution_20250825", "bash_20250124", "mcp_toolset"])
def test_a_tool_that_is_not_the_client_s_own_is_left_out_and_reported(server, kind):
    own = {"name": "look", "input_schema": {"type": "object"}}
    answer = ask(server, tools=[{"type": kind, "name": "other", "max_uses": 3}, own], tool_choice={"type": "auto"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-mimo-ignored"] == "tools[0]"
    other, alone = (ask(server, "/v1/messages/count_tokens", tools=tools) for tools in ([{"type": kind}, own], [own]))
    assert other.json() == alone.json()
    assert ask(server, tools=[{"type": kind, "name": "other"}]).status_code == 200


def test_an_error_in_a_stream_is_an_event_of_the_protocol(serving):
    import asyncio

    with serving(Script([ScriptedAnswer([{"repeat": 500, "steps": ["x", "y"]}])], delay=0.01)) as slow:
        body = {"model": FLASH, "messages": HELLO, "stream": True}
        with slow.http.stream("POST", "/v1/messages", json=body) as answer:
            lines = answer.iter_lines()
            assert next(lines) == "event: message_start"
            slow._loop.call_soon_threadsafe(lambda: asyncio.ensure_future(slow.engine.close()))
            rest = [line for line in lines if line]
        assert rest[-2] == "event: error"
        error = json.loads(rest[-1].removeprefix("data: "))
        assert error["error"] == {"type": "overloaded_error", "message": "the server is shutting down"}


def test_the_bounds_of_tools_are_those_of_anthropic(server):
    """Names of 65 to 128 characters, more than 128 tools, and null for a keyword that is absent; OpenAI's stay."""
    empty = {"type": "object", "properties": None, "required": None}
    tools = [{"name": f"f{at}" if at < 179 else "f" * 128, "input_schema": empty} for at in range(180)]
    for choice in ({"type": "auto"}, {"type": "tool", "name": tools[179]["name"]}):
        answer = ask(server, tools=tools, tool_choice=choice, max_tokens=8)
        assert answer.status_code == 200, answer.text
        assert ask(server, "/v1/messages/count_tokens", tools=tools, tool_choice=choice).status_code == 200
    function = {"type": "function", "function": {"name": "f" * 65}}
    for tools, path in (([function], "tools[0].function.name"), ([function] * 180, "tools")):
        answer = ask(server, "/v1/chat/completions", tools=tools)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, path)
