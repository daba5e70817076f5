"""The unchanged Anthropic SDK, and the OpenAI SDK on the Responses API and completions, against a real server."""

from __future__ import annotations

import asyncio

import anthropic
import openai
import pytest

from mimo.engines.scripted.script import Script, ScriptedAnswer

FLASH = "mimo-v2-flash"
HELLO = [{"role": "user", "content": "hi"}]
CALL = ["<tool_call>", "<function=weather>", "<parameter=city>Bern</parameter>", "</function>", "</tool_call>"]
SCRIPT = Script(
    [
        ScriptedAnswer(["<think>", "Let", " me", " see", "</think>", "I look.", *CALL], when="weather"),
        ScriptedAnswer([{"repeat": 500, "steps": ["x", "y"]}], when="endless"),
        ScriptedAnswer(["Hello", ", ", "world", "!"]),
    ]
)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


@pytest.fixture(scope="module")
def server(serving):
    with serving(SCRIPT) as running:
        yield running


@pytest.fixture(params=[False, True], ids=["loose", "strict"])
def claude(server, request):
    with anthropic.Anthropic(
        base_url=server.url, api_key="unused", max_retries=0, _strict_response_validation=request.param
    ) as client:
        yield client


@pytest.fixture(params=[False, True], ids=["loose", "strict"])
def client(server, request):
    with openai.OpenAI(
        base_url=f"{server.url}/v1", api_key="unused", max_retries=0, _strict_response_validation=request.param
    ) as client:
        yield client


def test_anthropic_a_message_parses(claude):
    message = claude.messages.create(model=FLASH, max_tokens=50, messages=HELLO, stop_sequences=["!"])
    assert message.content[0].text == "Hello, world"
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "!")
    assert message.usage.output_tokens == 4
    assert message._request_id.startswith("req_")


def test_anthropic_the_streaming_helper_rebuilds_the_message(claude):
    fields = {
        "model": FLASH,
        "max_tokens": 500,
        "messages": [{"role": "user", "content": "weather"}],
        "tools": [{"name": "weather", "input_schema": SCHEMA}],
        "thinking": {"type": "enabled", "budget_tokens": 100},
    }
    whole = claude.messages.create(**fields)
    with claude.messages.stream(**fields) as stream:
        text = "".join(stream.text_stream)
        built = stream.get_final_message()
    assert text == "I look."
    assert [block.type for block in built.content] == ["thinking", "text", "tool_use"]
    assert built.content[2].input == whole.content[2].input == {"city": "Bern"}
    assert (built.stop_reason, built.usage) == ("tool_use", whole.usage)


def test_anthropic_tokens_are_counted(claude):
    counted = claude.messages.count_tokens(model=FLASH, messages=HELLO, system="Be brief.").input_tokens
    message = claude.messages.create(model=FLASH, max_tokens=5, messages=HELLO, system="Be brief.")
    assert counted == message.usage.input_tokens


def test_anthropic_errors_become_the_classes_of_the_sdk(claude, serving):
    with pytest.raises(anthropic.BadRequestError, match="max_tokens must be between"):
        claude.messages.create(model=FLASH, max_tokens=0, messages=HELLO)
    with pytest.raises(anthropic.NotFoundError):
        claude.messages.create(model="claude-opus", max_tokens=5, messages=HELLO)
    with serving(keys=["k"]) as locked:
        asked = {"model": FLASH, "max_tokens": 5, "messages": HELLO}
        with pytest.raises(anthropic.AuthenticationError):
            claude.with_options(base_url=locked.url).messages.create(**asked)
        claude.with_options(base_url=locked.url, api_key="k").messages.create(**asked)
        claude.with_options(base_url=f"{locked.url}/anthropic", api_key="k").messages.create(**asked)


def test_anthropic_an_error_event_in_a_stream_is_raised(claude, serving):
    with serving(Script([ScriptedAnswer([{"repeat": 500, "steps": ["x", "y"]}])], delay=0.01)) as slow:
        stream = claude.with_options(base_url=slow.url).messages.create(
            model=FLASH, max_tokens=1000, messages=HELLO, stream=True
        )
        next(iter(stream))
        slow._loop.call_soon_threadsafe(lambda: asyncio.ensure_future(slow.engine.close()))
        with pytest.raises(anthropic.APIStatusError, match="shutting down"):
            list(stream)


def test_anthropic_closing_a_stream_early_frees_the_engine(claude, server):
    endless = [{"role": "user", "content": "endless"}]
    with claude.messages.stream(model=FLASH, max_tokens=1000, messages=endless) as stream:
        next(iter(stream))
    assert server.running(0) == 0


def test_responses_parse_and_so_does_the_stream(client):
    fields = {
        "model": FLASH,
        "input": "weather",
        "reasoning": {"effort": "high"},
        "tools": [{"type": "function", "name": "weather", "description": "", "parameters": SCHEMA, "strict": False}],
    }
    whole = client.responses.create(**fields)
    assert [item.type for item in whole.output] == ["reasoning", "message", "function_call"]
    assert whole.output_text == "I look."
    with client.responses.stream(**fields) as stream:
        kinds = [event.type for event in stream]
        built = stream.get_final_response()
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    assert built.output[2].arguments == whole.output[2].arguments == '{"city":"Bern"}'
    assert built.usage == whole.usage


def test_responses_an_error_event_in_a_stream_is_raised(client, serving):
    with serving(Script([ScriptedAnswer([{"repeat": 500, "steps": ["x", "y"]}])], delay=0.01)) as slow:
        stream = client.with_options(base_url=f"{slow.url}/v1").responses.create(model=FLASH, input="hi", stream=True)
        next(iter(stream))
        slow._loop.call_soon_threadsafe(lambda: asyncio.ensure_future(slow.engine.close()))
        with pytest.raises(openai.APIError, match="shutting down"):
            list(stream)


def test_completions_parse_and_so_does_the_stream(client):
    answer = client.completions.create(model=FLASH, prompt=["hi", "hi"], n=2, logprobs=2)
    assert [choice.text for choice in answer.choices] == ["Hello, world!"] * 4
    assert answer.choices[0].logprobs.tokens == ["Hello", ", ", "world", "!"]
    if client._strict_response_validation:
        return  # its type for chunks has no null for the finish_reason that has not come yet
    chunks = client.completions.create(model=FLASH, prompt="hi", stream=True)
    assert "".join(chunk.choices[0].text for chunk in chunks) == "Hello, world!"


def test_openai_counts_the_tokens_of_a_response(client):
    fields = {"model": FLASH, "input": "hi", "instructions": "Be short."}
    counted = client.responses.input_tokens.count(**fields)
    assert counted.object == "response.input_tokens"
    assert counted.input_tokens == client.responses.create(**fields).usage.input_tokens
    with pytest.raises(openai.BadRequestError):
        client.responses.input_tokens.count(model=FLASH, input=[{"role": "nobody", "content": "hi"}])


def test_openai_usage_in_every_chunk_where_it_is_asked_for(client):
    options = {"include_usage": True, "continuous_usage_stats": True}
    chat = {"model": FLASH, "messages": HELLO, "stream": True, "stream_options": options}
    text = {"model": FLASH, "prompt": "hi", "stream": True, "stream_options": options}
    loose = client.with_options()
    loose._strict_response_validation = False  # its type of a completion's chunk has no null finish_reason
    for chunks in (list(client.chat.completions.create(**chat)), list(loose.completions.create(**text))):
        counts = [chunk.usage.completion_tokens for chunk in chunks]
        assert counts == sorted(counts) and counts[-1] == 4
        assert len(set(counts)) > 1
        assert {chunk.usage.prompt_tokens for chunk in chunks} == {chunks[-1].usage.prompt_tokens}
        assert chunks[-1].choices == []
    assert "".join(chunk.choices[0].delta.content or "" for chunk in client.chat.completions.create(**chat)
                   if chunk.choices) == "Hello, world!"  # fmt: skip


def test_openai_usage_in_every_chunk_stands_by_itself(client):
    chat = {"model": FLASH, "messages": HELLO, "stream": True, "logprobs": True}
    chunks = list(client.chat.completions.create(**chat, stream_options={"continuous_usage_stats": True}))
    assert all(chunk.choices and chunk.usage for chunk in chunks)
    assert all(chunk.usage is None for chunk in client.chat.completions.create(**chat))
