"""The unchanged OpenAI SDK, loose and strict about what it parses, against a real server."""

from __future__ import annotations

import asyncio

import openai
import pytest

FLASH = "mimo-v2-flash"
HELLO = [{"role": "user", "content": "hi"}]


@pytest.fixture(params=[False, True], ids=["loose", "strict"])
def client(server, request):
    with openai.OpenAI(
        base_url=f"{server.url}/v1", api_key="unused", max_retries=0, _strict_response_validation=request.param
    ) as client:
        yield client


def test_a_completion_parses(client):
    answer = client.chat.completions.create(
        model=FLASH, messages=HELLO, n=2, logprobs=True, top_logprobs=3, seed=1, user="me", store=False, stop=["x"]
    )
    assert answer.choices[1].message.content == "Hello, world!"
    assert answer.usage.completion_tokens_details.reasoning_tokens == 0
    assert answer.usage.prompt_tokens_details.cached_tokens == 0
    assert answer.choices[0].logprobs.content[0].token == "Hello"
    assert answer._request_id.startswith("req_")


def test_a_stream_parses(client):
    with client.chat.completions.create(
        model=FLASH, messages=HELLO, stream=True, stream_options={"include_usage": True}, logprobs=True
    ) as chunks:
        parsed = list(chunks)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in parsed[:-1]) == "Hello, world!"
    assert (parsed[-1].choices, parsed[-1].usage.completion_tokens) == ([], 4)


def test_the_streaming_helper_rebuilds_the_answer(client):
    with client.chat.completions.stream(
        model=FLASH, messages=HELLO, stream_options={"include_usage": True}, logprobs=True
    ) as stream:
        stream.until_done()
        answer = stream.get_final_completion()
    assert answer.choices[0].message.content == "Hello, world!"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens > 4
    assert len(answer.choices[0].logprobs.content) == 4


def test_reasoning_is_where_clients_look_for_it(client):
    weather = [{"role": "user", "content": "weather"}]
    on = {"thinking": {"type": "enabled"}}
    answer = client.chat.completions.create(model=FLASH, messages=weather, extra_body=on)
    assert answer.choices[0].message.reasoning_content == "Let me see"
    chunks = client.chat.completions.create(model=FLASH, messages=weather, stream=True, reasoning_effort="high")
    reasoning_parts = [getattr(chunk.choices[0].delta, "reasoning_content", None) or "" for chunk in chunks]
    assert "".join(reasoning_parts) == "Let me see"


def test_models_parse(client):
    assert [model.id for model in client.models.list()] == ["mimo-v2-pro", "mimo-v2-omni", "mimo-v2-flash"]
    assert client.models.retrieve("mimo-v2-pro").owned_by == "mimo"


def test_errors_become_the_classes_of_the_sdk(client, serving):
    with pytest.raises(openai.BadRequestError) as bad:
        client.chat.completions.create(model=FLASH, messages=HELLO, temperature=3)
    assert (bad.value.code, bad.value.param) == ("invalid_request", "temperature")
    assert "temperature must be between 0 and 2, got 3" in str(bad.value)
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="gpt-4o", messages=HELLO)
    with serving(keys=["k"]) as locked:
        with pytest.raises(openai.AuthenticationError):
            client.with_options(base_url=f"{locked.url}/v1").models.list()
        client.with_options(base_url=f"{locked.url}/v1", api_key="k").models.list()


def test_an_error_event_in_a_stream_is_raised(client, serving):
    from mimo.engines.scripted.script import Script, ScriptedAnswer

    with serving(Script([ScriptedAnswer([{"repeat": 1000, "steps": ["x"]}])], delay=0.01)) as server:
        stream = client.with_options(base_url=f"{server.url}/v1").chat.completions.create(
            model=FLASH, messages=HELLO, stream=True
        )
        next(iter(stream))
        server._loop.call_soon_threadsafe(lambda: asyncio.ensure_future(server.engine.close()))
        with pytest.raises(openai.APIError, match="shutting down"):
            list(stream)


def test_closing_a_stream_early_frees_the_engine(client, server):
    stream = client.chat.completions.create(
        model=FLASH, messages=[{"role": "user", "content": "endless"}], stream=True, max_completion_tokens=5000
    )
    next(iter(stream))
    stream.close()
    assert server.running(0) == 0
