"""Engines that misbehave, on a real socket: the client gets a complete answer or one clear error, and nothing hangs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from typing import Any

import httpx
import pytest
from tests.engines.upstream.fakes import Asked, Fake, Out, chat_events, llama_events, sglang_events, vllm_events
from tests.engines.upstream.fronts import Front, front, says, until

from mimo.engines.upstream.sglang import engine as sglang


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(row[6:]) for row in text.split("\n\n") if row and row != "data: [DONE]"]


def broken(answer: httpx.Response) -> str:
    """The code of the error in which a stream that had begun ends; without [DONE]."""
    assert answer.status_code == 200
    assert "[DONE]" not in answer.text
    code: str = events(answer.text)[-1]["error"]["code"]
    return code


def closed_port() -> str:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{holder.getsockname()[1]}"


@pytest.mark.parametrize("stream", [False, True])
def test_an_engine_that_refuses_connections_is_a_502_before_anything_is_sent(llama, fake, stream):
    address = llama.engine.client.addresses[0]
    url, address.url = address.url, closed_port()
    try:
        assert error(llama.chat(stream=stream)) == (502, "upstream_error")
    finally:
        address.url = url


@pytest.mark.parametrize("stream", [False, True])
def test_an_engine_that_hangs_before_its_headers_is_a_504(llama, fake, stream):
    fake.behaviour = lambda asked, out: out.hang()
    begun = time.monotonic()
    assert error(llama.chat(stream=stream)) == (504, "upstream_timeout")
    assert time.monotonic() - begun < 30
    assert until(lambda: fake.hanging == 0)


async def _hang_after_two(asked: Asked, out: Out) -> None:
    await out.head()
    await out.events(*llama_events([300, 301], finish=None))
    await out.hang()


def test_an_engine_that_hangs_in_mid_stream_is_an_error_event(llama, fake):
    fake.behaviour = _hang_after_two
    assert broken(llama.chat(stream=True)) == "upstream_timeout"
    assert error(llama.chat()) == (504, "upstream_timeout")
    assert until(lambda: fake.hanging == 0)
    assert llama.running == 0


def _alive(*first: object, sign: bytes) -> Any:
    """Sends the events of `first`, and then `sign` ten times a second until the other side has gone."""

    async def behaviour(asked: Asked, out: Out) -> None:
        await out.head()
        await out.events(*first)
        with contextlib.suppress(ConnectionError):
            for _ in range(300):
                await out.chunk(sign)
                await asyncio.sleep(0.1)
        out.writer.close()

    return behaviour


EMPTY = b'data: {"choices":[{"index":0,"delta":{"content":""}}],"content":"","tokens":[],"text":"","output_ids":[]}\n\n'


@pytest.mark.parametrize("name", ["llama-server", "vllm", "sglang", "hosted"])
@pytest.mark.parametrize("sign", [b": still here\n\n", b"\n", EMPTY], ids=["comments", "line-ends", "empty-chunks"])
def test_signs_of_life_alone_do_not_keep_a_request_open(fronts, fake, name, sign):
    if name in ("vllm", "sglang") and sign == EMPTY:
        pytest.skip("its events without tokens are unreadable, which ends the request as well")
    fake.behaviour = _alive(sign=sign)
    begun = time.monotonic()
    assert error(fronts[name].chat()) == (504, "upstream_timeout")
    assert time.monotonic() - begun < 20
    assert broken(fronts[name].chat(stream=True)) == "upstream_timeout"
    assert fronts[name].running == 0


def test_a_slow_answer_is_whole_however_long_it_takes(hosted, fake):
    """Five seconds at a timeout of one, in a call that is sent on only when it is complete."""

    async def behaviour(asked: Asked, out: Out) -> None:
        await out.head()
        call = {"index": 0, "id": "a", "type": "function", "function": {"name": "look", "arguments": '{"at": "'}}
        pieces = [call, *({"index": 0, "function": {"arguments": "x"}} for _ in range(8))]
        for piece in [*pieces, {"index": 0, "function": {"arguments": '"}'}}]:
            await out.events(*chat_events({"tool_calls": [piece]}, finish=None)[1:])
            await out.chunk(b": still here\n\n")
            await asyncio.sleep(0.5)
        await out.events(*chat_events(finish="tool_calls")[1:])
        await out.end()

    fake.behaviour = behaviour
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    answer = hosted.chat(tools=[tool])
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == '{"at": "xxxxxxxx"}'


async def _half_a_chunk(asked: Asked, out: Out) -> None:
    await out.head()
    await out.events(*llama_events([300], finish=None))
    await out.raw(b'40\r\ndata: {"content": "ha')
    out.writer.close()


async def _half_an_event(asked: Asked, out: Out) -> None:
    await out.head()
    await out.events(*llama_events([300], finish=None))
    await out.chunk(b'data: {"content": "ha')
    await out.end()


async def _bad_json(asked: Asked, out: Out) -> None:
    await out.stream([*llama_events([300], finish=None), b"{this is not JSON}"])


async def _wrong_types(asked: Asked, out: Out) -> None:
    await out.stream([*llama_events([300], finish=None), {"tokens": "many"}])


async def _error_in_200(asked: Asked, out: Out) -> None:
    await out.stream([*llama_events([300], finish=None), {"error": {"code": 500, "message": "the model fell over"}}])


async def _no_end(asked: Asked, out: Out) -> None:
    await out.stream(llama_events([300, 301], finish=None))


async def _reset(asked: Asked, out: Out) -> None:
    await out.head()
    await out.events(*llama_events([300], finish=None))
    out.writer.transport.abort()


@pytest.mark.parametrize(
    "behaviour", [_half_a_chunk, _half_an_event, _bad_json, _wrong_types, _error_in_200, _no_end, _reset]
)
def test_an_answer_that_breaks_off_is_an_error_event_or_a_502(llama, fake, behaviour):
    fake.behaviour = behaviour
    assert broken(llama.chat(stream=True)) == "upstream_error"
    assert len(fake.asked) == 1, "no retry after the first byte"
    assert error(llama.chat()) == (502, "upstream_error")
    assert llama.running == 0


def test_the_words_of_an_error_inside_a_200_reach_the_client(llama, fake):
    fake.behaviour = _error_in_200
    assert "the model fell over" in llama.chat().json()["error"]["message"]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (500, {"error": "boom"}, (502, "upstream_error")),
        (400, {"error": {"message": "unknown field"}}, (502, "upstream_error")),
        (400, {"error": {"message": "exceeds the context size"}}, (400, "context_length_exceeded")),
        (401, {"error": "who are you"}, (502, "upstream_error")),
        (429, {}, (429, "rate_limit_exceeded")),
        (503, {"error": {"message": "Loading model"}}, (503, "service_unavailable")),
        (504, b"<html>gateway</html>", (504, "upstream_timeout")),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_an_upstream_s_error_status_becomes_an_error_of_the_contract(llama, fake, status, body, expected, stream):
    async def behaviour(asked: Asked, out: Out) -> None:
        await out.reply(status, body)

    fake.behaviour = behaviour
    answer = llama.chat(stream=stream)
    assert error(answer) == expected
    assert fake.url not in answer.text and str(fake.port) not in answer.text
    assert ("retry-after" in answer.headers) == (status in (429, 503))


def test_unknown_token_ids_and_missing_logprobs_are_upstream_errors(llama, fake):
    async def beyond(asked: Asked, out: Out) -> None:
        await out.stream(llama_events([300, 99_999]))

    fake.behaviour = beyond
    answer = llama.chat()
    assert error(answer) == (502, "upstream_error")
    assert "tokenizer" in answer.json()["error"]["message"]
    assert error(llama.chat(logprobs=True)) == (502, "upstream_error")


def test_every_byte_may_come_alone(llama, fake):
    async def dribble(asked: Asked, out: Out) -> None:
        await out.head()
        rows = llama_events([*llama.ids("grüße"), llama.end])
        for byte in b"".join(b"data: " + json.dumps(row).encode() + b"\r\n\r\n" for row in rows):
            await out.chunk(bytes([byte]))
        await out.end()

    fake.behaviour = dribble
    assert llama.chat().json()["choices"][0]["message"]["content"] == "grüße"


def test_a_burst_of_several_tokens_in_one_event_is_drained_fully(llama, fake):
    tokens = [*llama.ids("one two three"), llama.end]

    async def burst(asked: Asked, out: Out) -> None:
        await out.stream([{"tokens": tokens, "tokens_predicted": len(tokens), "stop": True, "stop_type": "eos"}])

    fake.behaviour = burst
    body = llama.chat().json()
    assert body["choices"][0]["message"]["content"] == "one two three"
    assert body["usage"]["completion_tokens"] == len(tokens) - 1
    cut = llama.chat(max_completion_tokens=3).json()
    assert (cut["choices"][0]["message"]["content"], cut["choices"][0]["finish_reason"]) == ("one", "length")


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_ends_the_engine_s_work(llama, fake, stream):
    fake.behaviour = _hang_after_two
    fake.left = 0
    body = json.dumps({"model": "mimo-v2-flash", "stream": stream, "messages": [{"role": "user", "content": "hi"}]})
    with socket.create_connection(("127.0.0.1", llama.port), timeout=5) as client:
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
        client.sendall(head % len(body) + body.encode())
        assert until(lambda: fake.hanging == 1)
    assert until(lambda: fake.left == 1, 0.8), "sooner than the timeout"
    assert until(lambda: llama.running == 0)


def test_a_stop_match_ends_the_engine_s_work(llama, fake):
    async def go_on(asked: Asked, out: Out) -> None:
        await out.head()
        await out.events(*llama_events(llama.ids("one two"), finish=None))
        await out.hang()

    fake.behaviour = go_on
    choice = llama.chat(stop=" t").json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("one", "stop")
    assert until(lambda: fake.hanging == 0, 0.8)


def test_an_end_that_never_closes_the_connection_is_an_end(llama, fake):
    async def silent_end(asked: Asked, out: Out) -> None:
        await out.head()
        await out.events(*llama_events([*llama.ids("done"), llama.end]))
        await out.hang()

    fake.behaviour = silent_end
    assert llama.chat().json()["choices"][0]["message"]["content"] == "done"


# Failover


@pytest.fixture
def pair() -> Any:
    first, second = Fake(), Fake()
    with front("llama-server", first.url, second.url) as before:
        yield before, first, second
    first.stop()
    second.stop()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["refuses", "hangs", "fails", "drops"])
def test_a_request_not_yet_answered_is_sent_once_more_elsewhere(pair, fault, stream):
    before, first, second = pair

    async def fail(asked: Asked, out: Out) -> None:
        if fault == "hangs":
            await out.hang()
        elif fault == "fails":
            await out.reply(500, {"error": "boom"})
        else:
            out.writer.close()

    first.behaviour = fail
    if fault == "refuses":
        before.engine.client.addresses[0].url = closed_port()
    says(second, before, "second")
    answer = before.chat(stream=stream)
    assert answer.status_code == 200
    assert len(second.asked) == 1
    text = (
        answer.text
        if not stream
        else "".join(row["choices"][0]["delta"].get("content", "") for row in events(answer.text) if row["choices"])
    )
    assert "second" in text
    again = before.chat()
    assert again.status_code == 200
    assert len(second.asked) == 2, "the one that failed is not asked first again"


def test_a_request_on_a_dropped_keep_alive_connection_is_retried_unseen(pair):
    before, first, _ = pair

    async def once(asked: Asked, out: Out) -> None:
        """Keeps the connection, and drops it at its next request, as servers do that close idle ones."""
        await out.stream(llama_events([*before.ids("yes"), before.end]))
        with contextlib.suppress(ConnectionError):
            await out._fake._readers[out.writer].read(1)
            out.writer.transport.abort()

    first.behaviour = once
    assert before.chat(n=4).status_code == 200
    for _ in range(3):
        answer = before.chat(n=4)
        assert answer.status_code == 200, answer.text
        assert [choice["message"]["content"] for choice in answer.json()["choices"]] == ["yes"] * 4


def test_nothing_is_sent_again_after_the_first_byte(pair):
    before, first, second = pair
    first.behaviour = _reset
    says(second, before, "second")
    assert broken(before.chat(stream=True)) == "upstream_error"
    assert (len(first.asked), len(second.asked)) == (1, 0)


def test_a_refusal_of_the_request_is_not_tried_elsewhere(pair):
    before, first, second = pair

    async def refuse(asked: Asked, out: Out) -> None:
        await out.reply(400, {"error": {"message": "the context length is exceeded"}})

    first.behaviour = refuse
    assert error(before.chat()) == (400, "context_length_exceeded")
    assert second.asked == []


def test_two_that_fail_are_a_502(pair):
    before, first, second = pair

    async def fail(asked: Asked, out: Out) -> None:
        await out.reply(500, {"error": "boom"})

    first.behaviour = second.behaviour = fail
    assert error(before.chat()) == (502, "upstream_error")
    assert (len(first.asked), len(second.asked)) == (1, 1)
    assert before.http.get("/readyz").status_code == 200, (
        "what one request meets does not take the server out of service"
    )


def test_readiness_follows_the_engine_s_health_and_comes_back(pair):
    before = pair[0]
    assert before.http.get("/readyz").status_code == 200
    urls = [address.url for address in before.engine.client.addresses]
    for address in before.engine.client.addresses:
        address.url = closed_port()
    assert error(before.chat()) == (502, "upstream_error")
    down = before.http.get("/readyz")
    assert (down.status_code, down.headers["retry-after"]) == (503, "5")
    assert before.http.get("/healthz").status_code == 200
    for address, url in zip(before.engine.client.addresses, urls, strict=True):
        address.url = url
    assert until(lambda: before.http.get("/readyz").status_code == 200, 15)


# Shapes of the other engines


@pytest.mark.parametrize(
    ("stated", "window"),
    [
        ({"context_length": 4096}, 4095),
        ({"context_length": None, "max_total_num_tokens": 9000, "max_req_input_len": 2042}, 2047),
        ({"context_length": 4096, "speculative_algorithm": "EAGLE", "speculative_num_draft_tokens": 4}, 4091),
        ({"context_length": 4096, "speculative_algorithm": "EAGLE", "speculative_eagle_topk": 2,
          "speculative_num_steps": 3, "speculative_num_draft_tokens": 4}, 4089),
    ],
)  # fmt: skip
def test_sglang_s_window_is_what_it_takes_of_prompt_and_answer(stated, window):
    assert sglang._window(stated) == window


def test_vllm_tells_its_cached_tokens_after_the_end(fronts: dict[str, Front], fake: Fake):
    vllm = fronts["vllm"]

    async def behaviour(asked: Asked, out: Out) -> None:
        await out.stream(vllm_events([*vllm.ids("yes"), vllm.end]))

    fake.behaviour = behaviour
    body = vllm.chat().json()
    assert body["choices"][0]["message"]["content"] == "yes"
    assert body["usage"]["prompt_tokens_details"] == {"cached_tokens": 3}
    assert body["usage"]["completion_tokens"] == 3


@pytest.mark.parametrize("finish", ["abort", "error", "repetition"])
def test_an_end_that_vllm_calls_by_another_name_is_an_error(fronts: dict[str, Front], fake: Fake, finish: str):
    vllm = fronts["vllm"]

    async def behaviour(asked: Asked, out: Out) -> None:
        await out.stream(vllm_events(vllm.ids("yes"), finish))

    fake.behaviour = behaviour
    assert error(vllm.chat()) == (502, "upstream_error")


@pytest.mark.parametrize("cumulative", [True, False])
def test_sglang_s_ids_are_read_whether_they_add_up_or_not(fronts: dict[str, Front], fake: Fake, cumulative: bool):
    sglang = fronts["sglang"]

    async def behaviour(asked: Asked, out: Out) -> None:
        await out.stream(sglang_events([*sglang.ids("certainly"), sglang.end], cumulative=cumulative))

    fake.behaviour = behaviour
    body = sglang.chat().json()
    assert body["choices"][0]["message"]["content"] == "certainly"
    assert body["usage"]["completion_tokens"] == 9
    assert body["usage"]["prompt_tokens_details"] == {"cached_tokens": 3}


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_a_hosted_answer_is_split_whatever_the_reasoning_is_called(hosted, fake, name):
    async def behaviour(asked: Asked, out: Out) -> None:
        await out.stream(chat_events({name: "hm "}, {name: "well"}, {"content": "yes"}, {"content": "!"}))

    fake.behaviour = behaviour
    body = hosted.chat(thinking={"type": "enabled"}).json()
    message = body["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == ("hm well", "yes!")


def test_usage_on_every_chunk_is_counted_once(hosted, fake):
    async def behaviour(asked: Asked, out: Out) -> None:
        rows = chat_events({"content": "a"}, {"content": "b"}, usage={"prompt_tokens": 7, "completion_tokens": 2})
        for at, row in enumerate(rows):
            if isinstance(row, dict):
                row.setdefault("usage", {"prompt_tokens": 7, "completion_tokens": at})
        await out.stream(rows)

    fake.behaviour = behaviour
    usage = hosted.chat().json()["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (7, 2)
    text = hosted.chat(stream=True, stream_options={"include_usage": True}).text
    assert text.count('"usage"') == 1


def test_a_hosted_stream_without_done_but_with_an_end_is_complete(hosted, fake):
    async def behaviour(asked: Asked, out: Out) -> None:
        await out.stream(chat_events({"content": "a"})[:-1])

    fake.behaviour = behaviour
    assert hosted.chat(stream=True).text.endswith("data: [DONE]\n\n")


def test_a_hosted_stream_without_an_end_is_an_error(hosted, fake):
    async def behaviour(asked: Asked, out: Out) -> None:
        await out.stream(chat_events({"content": "a"}, finish=None))

    fake.behaviour = behaviour
    assert broken(hosted.chat(stream=True)) == "upstream_error"


def test_stop_on_a_hosted_api_is_ours_and_ends_its_work(hosted, fake):
    async def behaviour(asked: Asked, out: Out) -> None:
        await out.head()
        await out.events(
            *chat_events({"reasoning_content": "one"}, {"content": "tw"}, {"content": "o three"}, finish=None)
        )
        await out.hang()

    fake.behaviour = behaviour
    choice = hosted.chat(stop=["one", "o t"]).json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("tw", "stop")
    assert "stop" not in fake.asked[-1].body
    assert until(lambda: fake.hanging == 0, 0.8)
