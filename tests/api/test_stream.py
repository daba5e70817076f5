"""Streams: the bytes on the wire, and that a stream joined together is the non-streamed answer."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict

import httpx
import pytest

from mimo.engines.scripted.script import Script, ScriptedAnswer

FLASH = "mimo-v2-flash"


def joined(chunks):
    """What the chunks of a stream say in all: per choice its message, finish reason and logprobs; and the usage."""
    text = defaultdict(lambda: defaultdict(str))
    reasons, usage, logprobs = {}, None, defaultdict(lambda: defaultdict(list))
    for chunk in chunks:
        usage = chunk.get("usage", usage)
        for choice in chunk["choices"]:
            index = choice["index"]
            for name in ("content", "reasoning_content"):
                text[index][name] += choice["delta"].get(name) or ""
                logprobs[index][name] += (choice["logprobs"] or {}).get(name) or []
            if choice["finish_reason"]:
                assert index not in reasons, "two finish chunks"
                reasons[index] = choice["finish_reason"]
    return text, reasons, usage, logprobs


def test_the_bytes_of_a_stream_are_exactly_these(server):
    answer = server.chat("hi", stream=True, stream_options={"include_usage": True}, seed=1)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    first = json.loads(answer.text.split("\n\n")[0].removeprefix("data: "))
    head = (
        f'{{"id":"{first["id"]}","object":"chat.completion.chunk","created":{first["created"]},'
        f'"model":"mimo-v2-flash","system_fingerprint":"{server.engine.info.fingerprint}",'
    )

    def chunk(delta, reason="null"):
        choice = f'{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{reason}}}'
        return f'data: {head}"choices":[{choice}]}}\n\n'

    prompt = first and answer.text.split('"prompt_tokens":')[1].split(",")[0]
    usage = (
        f'{{"prompt_tokens":{prompt},"completion_tokens":4,"total_tokens":{int(prompt) + 4},'
        '"completion_tokens_details":{"reasoning_tokens":0},"prompt_tokens_details":{"cached_tokens":0}}'
    )
    assert answer.text == (
        chunk('{"role":"assistant","content":""}')
        + "".join(chunk(f'{{"content":"{text}"}}') for text in ("Hello", ", ", "world", "!"))
        + chunk("{}", '"stop"')
        + f'data: {head}"choices":[],"usage":{usage}}}\n\n'
        + "data: [DONE]\n\n"
    )


@pytest.mark.parametrize("about", ["hi", "weather", "emoji", "lines", "random"])
@pytest.mark.parametrize("thinking", ["enabled", "disabled"])
def test_a_joined_stream_is_the_answer_that_is_not_streamed(server, events, about, thinking):
    fields = {"seed": 3, "n": 2, "thinking": {"type": thinking}, "logprobs": True, "top_logprobs": 1}
    whole = server.chat(about, **fields).json()
    chunks = events(server.chat(about, stream=True, stream_options={"include_usage": True}, **fields).text)
    text, reasons, usage, logprobs = joined(chunks)
    assert usage == whole["usage"]
    for choice in whole["choices"]:
        index, message = choice["index"], choice["message"]
        assert text[index]["content"] == message["content"]
        assert text[index]["reasoning_content"] == (message["reasoning_content"] or "")
        assert reasons[index] == choice["finish_reason"]
        for name in ("content", "reasoning_content"):
            assert logprobs[index][name] == choice["logprobs"].get(name, [])


def test_a_stream_has_one_id_and_one_time(server, events):
    chunks = events(server.chat("endless", stream=True, max_completion_tokens=50).text)
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1


def test_reasoning_comes_before_content_and_never_in_one_chunk(server, events):
    chunks = events(server.chat("weather", stream=True, thinking={"type": "enabled"}).text)
    kinds = [tuple(chunk["choices"][0]["delta"]) for chunk in chunks]
    assert kinds[0] == ("role", "content")
    assert kinds[1:4] == [("reasoning_content",)] * 3
    assert kinds[4:] == [("content",)] * 4 + [()]


@pytest.mark.parametrize("options", [None, {}, {"include_usage": False}, {"include_usage": None}])
def test_usage_is_streamed_exactly_when_asked_for(server, options):
    assert '"usage"' not in server.chat("hi", stream=True, stream_options=options).text


def test_line_ends_of_unicode_do_not_break_a_frame(server, events):
    answer = server.chat("lines", stream=True, logprobs=True, top_logprobs=1)
    assert not set(answer.text) & {"\u2028", "\u2029", "\u0085", "\r"}
    assert joined(events(answer.text))[0][0]["content"] == "\u2028a\u2029b\u0085c\r\nd"
    whole = "".join(line.removeprefix("data: ") for line in answer.iter_lines() if '"delta":{"content":"a' in line)
    assert json.loads(whole)


def test_a_stop_text_split_over_tokens_never_shows_in_a_stream(server, events):
    answer = server.chat("weather", stream=True, stop=["is s", "unn"])
    text, reasons, _, _ = joined(events(answer.text))
    assert text[0]["content"].endswith("It ")
    assert reasons == {0: "stop"}


def test_an_error_before_the_first_token_is_a_plain_answer(serving, server):
    from mimo.engines.scripted.script import Script, ScriptedAnswer

    with serving(Script([ScriptedAnswer(["a"])], queue=0)) as full:
        answer = full.chat("hi", stream=True)
        assert answer.status_code == 429
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["error"]["code"] == "rate_limit_exceeded"
    long = server.chat("x" * 40_000, stream=True)
    assert (long.status_code, long.json()["error"]["code"]) == (400, "context_length_exceeded")


def test_an_error_after_the_first_chunk_is_one_event_and_no_done(serving):
    from mimo.engines.scripted.script import Script, ScriptedAnswer

    # the delay is long, so that the engine is closed between two tokens
    with serving(Script([ScriptedAnswer([{"repeat": 1000, "steps": ["x"]}])], delay=0.01)) as server:
        body = {"model": FLASH, "messages": [{"role": "user", "content": "hi"}], "stream": True}
        with server.http.stream("POST", "/v1/chat/completions", json=body) as answer:
            lines = answer.iter_lines()
            assert '"role":"assistant"' in next(lines)
            server._loop.call_soon_threadsafe(lambda: asyncio.ensure_future(server.engine.close()))
            rest = [line for line in lines if line]
        assert json.loads(rest[-1].removeprefix("data: "))["error"] == {
            "code": "service_unavailable",
            "message": "the server is shutting down",
            "param": None,
            "type": "error",
        }
        assert not any("[DONE]" in line for line in rest)
        assert sum('"error"' in line for line in rest) == 1


def test_no_token_waits_for_the_client_to_acknowledge_the_one_before(server):
    fast = 0
    for _ in range(200):  # on a busy machine most take longer
        started = time.monotonic()
        server.chat("hi", stream=True)
        fast += time.monotonic() - started < 0.03  # with Nagle's algorithm every one takes 40 ms
        if fast == 3:
            return
    raise AssertionError(f"{fast} of 200 answers came within 30 ms")


SAYING = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "hi"}]},
    "/v1/messages": {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9},
    "/v1/responses": {"input": "hi"},
    "/v1/completions": {"prompt": "hi"},
}


@pytest.mark.parametrize("path", SAYING)
def test_a_long_silence_is_filled_with_comments(serving, path):
    slow = Script([ScriptedAnswer(["Hello", " you"])], delay=0.6)
    with serving(slow, quiet_seconds=0.1) as server:
        answer = server.http.post(path, json={"model": FLASH, "stream": True, **SAYING[path]})
    blocks = answer.text.split("\n\n")
    assert blocks.pop() == ""
    assert blocks.count(": keep-alive") >= 2
    assert all(block.startswith(("data: ", "event: ")) for block in blocks if block != ": keep-alive")
    assert "Hello" in answer.text
    assert " you" in answer.text


async def test_two_hundred_streams_at_once_are_all_complete(server):
    async def one(client, at):
        body = {"model": FLASH, "messages": [{"role": "user", "content": "endless"}], "stream": True, "seed": at}
        answer = await client.post("/v1/chat/completions", json={**body, "max_completion_tokens": 20 + at % 7})
        assert answer.text.endswith("data: [DONE]\n\n")
        return answer.text.count('"word "') == 20 + at % 7

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=server.url, timeout=60, limits=limits) as client:
        assert all(await asyncio.gather(*(one(client, at) for at in range(200))))
    assert server.running(0) == 0
