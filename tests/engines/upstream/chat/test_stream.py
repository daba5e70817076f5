"""Answers of a chat route: what ends them, which limits hold, and the spellings of other APIs."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from tests.engines.upstream.fakes import Asked, Fake, Out, chat_events
from tests.engines.upstream.fronts import Front, until

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


def answering(fake: Fake, *deltas: dict[str, Any], finish: str | None = "stop", usage: Any = None) -> None:
    async def behaviour(asked: Asked, out: Out) -> None:
        await out.stream(chat_events(*deltas, finish=finish, usage=usage))

    fake.behaviour = behaviour


def staying(fake: Fake, *events: object) -> None:
    """Send `events` and leave the connection open."""

    async def behaviour(asked: Asked, out: Out) -> None:
        await out.head()
        await out.events(*events)
        await out.hang()

    fake.behaviour = behaviour


# Ends and limits


@pytest.mark.parametrize("stream", [False, True])
def test_done_ends_an_answer_at_once_though_the_connection_stays_open(hosted: Front, fake: Fake, stream: bool) -> None:
    staying(fake, *chat_events({"content": "yes"}, usage={"prompt_tokens": 7, "completion_tokens": 1}))
    begun = time.monotonic()
    answer = hosted.chat(stream=stream)
    assert answer.status_code == 200 and "yes" in answer.text
    assert time.monotonic() - begun < 0.8, "sooner than the timeout of 1 s"
    assert until(lambda: fake.hanging == 0)


def test_an_answer_that_has_finished_needs_no_done(hosted: Front, fake: Fake) -> None:
    staying(fake, *chat_events({"content": "yes"})[:-2])
    assert hosted.chat().json()["choices"][0]["message"]["content"] == "yes"


def test_text_after_the_finish_or_after_done_is_not_part_of_the_answer(hosted: Front, fake: Fake) -> None:
    late = {"choices": [{"index": 0, "delta": {"content": " and more"}}]}
    *rows, done = chat_events({"content": "yes"})

    async def behaviour(asked: Asked, out: Out) -> None:
        await out.stream([*rows, late, done, late])

    fake.behaviour = behaviour
    body = hosted.chat().json()
    assert body["choices"][0]["message"]["content"] == "yes"
    assert body["usage"]["completion_tokens"] == 1


@pytest.mark.parametrize("name", ["content", "reasoning_content"])
def test_max_tokens_holds_where_the_upstream_ignores_it(hosted: Front, fake: Fake, name: str) -> None:
    async def behaviour(asked: Asked, out: Out) -> None:
        await out.head()
        rows = [{"choices": [{"delta": {name: f"{at} "}}]} for at in range(4000)]
        events = [b"data: " + json.dumps(row).encode() + b"\n\n" for row in rows]
        for at in range(0, 4000, 100):
            await out.chunk(b"".join(events[at : at + 100]))
        await out.end()

    fake.behaviour = behaviour
    body = hosted.chat(max_completion_tokens=20).json()
    message = body["choices"][0]["message"]
    assert message[name] == "".join(f"{at} " for at in range(20))
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 20
    assert hosted.running == 0


def test_an_answer_of_exactly_the_limit_keeps_its_own_finish(hosted: Front, fake: Fake) -> None:
    answering(fake, *({"content": "a"} for _ in range(5)))
    assert hosted.chat(max_completion_tokens=5).json()["choices"][0]["finish_reason"] == "stop"


def test_an_answer_of_more_bytes_than_its_tokens_can_have_is_cut(hosted: Front, fake: Fake) -> None:
    sent = 0

    async def behaviour(asked: Asked, out: Out) -> None:
        nonlocal sent
        await out.head()
        for _ in range(1000):
            await out.events({"choices": [{"delta": {"content": "x" * 100_000}}]})
            sent += 1

    fake.behaviour = behaviour
    choice = hosted.chat(max_completion_tokens=1000).json()["choices"][0]
    assert choice["finish_reason"] == "length"
    assert len(choice["message"]["content"]) <= 256_000
    assert sent < 1000


def test_a_body_that_is_no_stream_is_not_read_without_end(hosted: Front, fake: Fake) -> None:
    sent = 0

    async def behaviour(asked: Asked, out: Out) -> None:
        nonlocal sent
        await out.head()
        await out.chunk(b'{"choices": [{"message": {"content": "')
        for _ in range(1024):
            await out.chunk(b"x" * 2**20)
            sent += 1

    fake.behaviour = behaviour
    answer = hosted.chat()
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
    assert sent < 64


# n


def test_choices_are_streamed_as_they_come_and_not_one_after_the_other(hosted: Front, fake: Fake) -> None:
    came = 0

    async def behaviour(asked: Asked, out: Out) -> None:
        nonlocal came
        came += 1
        if came == 1:  # says one word, and no more until the other choice has ended
            await out.head()
            await out.events({"choices": [{"delta": {"content": "slow"}}]})
            await out.hang()
        else:
            await out.stream(chat_events({"content": "quick"}, {"content": " one"}))

    fake.behaviour = behaviour
    text = hosted.chat(n=2, stream=True).text
    assert "quick" in text and "slow" in text, "the second choice is not kept back by the first, which never ends"
    assert '"code":"upstream_timeout"' in text


# Others' spellings


def calls_of(front: Front, **fields: Any) -> list[tuple[str, Any]]:
    answer = front.chat("Both?", tools=[TOOL], **fields)
    assert answer.status_code == 200, answer.text
    choice = answer.json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    calls = choice["message"]["tool_calls"]
    assert len({call["id"] for call in calls}) == len(calls)
    return [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls]


def piece(name: str | None, arguments: object, **more: Any) -> dict[str, Any]:
    return {**more, "type": "function", "function": {"name": name, "arguments": arguments}}


OSLO, ROME = {"city": "Oslo"}, {"city": "Rome"}
TWO = [("weather", OSLO), ("weather", ROME)]


@pytest.mark.parametrize(
    "pieces",
    [
        [[piece("weather", json.dumps(OSLO), index=0, id="a")], [piece("weather", json.dumps(ROME), index=0, id="b")]],
        [[piece("weather", json.dumps(OSLO), id="a")], [piece("weather", json.dumps(ROME), id="b")]],
        [[piece("weather", json.dumps(OSLO))], [piece("weather", json.dumps(ROME))]],
        [[piece("weather", json.dumps(OSLO)), piece("weather", json.dumps(ROME))]],
        [[piece("weather", json.dumps(OSLO), index=0), piece("weather", json.dumps(ROME), index=0)]],
        [[piece("weather", OSLO, index=0, id="a")], [piece("weather", ROME, index=1, id="a")]],
        [
            [piece("weather", '{"city": ', id="a")],
            [piece(None, '"Oslo"}')],
            [piece("weather", "", id="b")],
            [piece(None, '{"city": "Rome"}')],
        ],
        [
            [piece("weather", "", index=0, id="a")],
            [piece("weather", "", index=0, id="b")],
            [piece(None, json.dumps(OSLO), id="a"), piece(None, json.dumps(ROME), id="b")],
        ],
    ],
    ids=[
        "same index",
        "no index",
        "no index, no id",
        "one chunk",
        "one chunk, same index",
        "objects",
        "pieces",
        "turns",
    ],
)
def test_two_calls_stay_two_whatever_their_index_says(hosted: Front, fake: Fake, pieces: Any) -> None:
    answering(fake, *({"tool_calls": calls} for calls in pieces), finish="tool_calls")
    assert calls_of(hosted) == TWO


def test_a_name_said_again_with_every_piece_is_one_call(hosted: Front, fake: Fake) -> None:
    halves = [piece("weather", '{"city": '), piece("weather", '"Oslo"}')]
    answering(fake, *({"tool_calls": [half]} for half in halves), finish="tool_use")
    assert calls_of(hosted) == TWO[:1]


def test_one_call_is_enough_where_parallel_ones_are_off_whatever_their_index_says(hosted: Front, fake: Fake) -> None:
    both = [piece("weather", json.dumps(OSLO), index=0, id="a"), piece("weather", json.dumps(ROME), index=0, id="b")]
    answering(fake, {"tool_calls": both}, finish="tool_calls")
    assert calls_of(hosted, parallel_tool_calls=False) == TWO[:1]


@pytest.mark.parametrize("more", [{}, {"id": "a"}, {"index": 0}], ids=["bare", "id", "index"])
def test_calls_without_end_are_an_error_and_no_work(hosted: Front, fake: Fake, more: dict[str, Any]) -> None:
    calls = [piece("weather", "{}", **{**more, **({"id": f"c{at}"} if more else {})}) for at in range(40_000)]
    answering(fake, {"tool_calls": calls}, finish="tool_calls")
    begun = time.process_time()
    assert hosted.chat("Both?", tools=[TOOL]).status_code == 502
    assert time.process_time() - begun < 5


def test_a_function_call_of_the_old_form_is_a_call(hosted: Front, fake: Fake) -> None:
    halves = [{"name": "weather", "arguments": '{"city": '}, {"arguments": '"Oslo"}'}]
    answering(fake, *({"function_call": half} for half in halves), finish="function_call")
    assert calls_of(hosted) == TWO[:1]


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None},
        {
            "prompt_tokens": 7,
            "completion_tokens": "two",
            "prompt_tokens_details": [],
            "completion_tokens_details": None,
        },
        {"completion_tokens_details": {"reasoning_tokens": None}, "prompt_tokens_details": {"cached_tokens": -4}},
        {"completion_tokens": -1},
        "none",
    ],
    ids=["null", "text", "null details", "negative", "no object"],
)
def test_counts_that_are_none_do_not_spoil_an_answer(hosted: Front, fake: Fake, usage: Any) -> None:
    answering(fake, {"content": "a"}, {"content": "b"}, usage=usage)
    body = hosted.chat().json()
    assert body["choices"][0]["message"]["content"] == "ab"
    assert body["usage"]["completion_tokens"] == 2, "its chunks are counted instead"
    assert body["usage"]["prompt_tokens_details"]["cached_tokens"] == 0


def test_content_as_parts_is_read_and_thinking_among_them_is_reasoning(hosted: Front, fake: Fake) -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    answering(fake, {"content": [thought]}, {"content": [{"type": "text", "text": "ye"}, "s", {"type": "image"}, None]})
    message = hosted.chat(thinking={"type": "enabled"}).json()["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == ("hm", "yes")


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        ("end_turn", "stop"), ("STOP", "stop"), ("eos", "stop"), ("stop_sequence", "stop"),
        ("max_tokens", "length"), ("MAX_TOKENS", "length"), ("model_length", "length"),
        ("SAFETY", "content_filter"), ("refusal", "content_filter"),
    ],
)  # fmt: skip
def test_the_finish_reasons_of_other_apis_are_read(hosted: Front, fake: Fake, said: str, ours: str) -> None:
    answering(fake, {"content": "yes"}, finish=said)
    assert hosted.chat().json()["choices"][0]["finish_reason"] == ours


def test_chunks_whose_members_are_null_hold_nothing(hosted: Front, fake: Fake) -> None:
    empty = [{"choices": None}, {"choices": [{"delta": None, "finish_reason": None}], "usage": None, "error": None}]
    null = {"content": None, "tool_calls": None, "reasoning": None, "function_call": None}

    async def behaviour(asked: Asked, out: Out) -> None:
        await out.stream([*empty, *chat_events(null, {"content": "yes"}, {"tool_calls": []})])

    fake.behaviour = behaviour
    body = hosted.chat().json()
    assert body["choices"][0]["message"]["content"] == "yes"


@pytest.mark.parametrize("stream", [False, True])
def test_an_upstream_that_does_not_stream_is_read_whole(hosted: Front, fake: Fake, stream: bool) -> None:
    message = {"role": "assistant", "content": "yes", "reasoning_content": None, "tool_calls": None}
    usage = {"prompt_tokens": 7, "completion_tokens": 1}
    body = {"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}

    async def behaviour(asked: Asked, out: Out) -> None:
        await out.reply(200, {**body, "usage": usage})

    fake.behaviour = behaviour
    answer = hosted.chat(stream=stream)
    assert answer.status_code == 200 and "yes" in answer.text
    if not stream:
        assert answer.json()["usage"]["prompt_tokens"] == 7


@pytest.mark.parametrize("engine", ["hosted", "llama-server", "vllm", "sglang"])
def test_an_error_reported_with_200_is_an_error_with_its_words(
    fronts: dict[str, Front], fake: Fake, engine: str
) -> None:
    async def behaviour(asked: Asked, out: Out) -> None:
        await out.reply(200, {"error": {"message": "the model fell over", "code": 500}})

    fake.behaviour = behaviour
    answer = fronts[engine].chat()
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
    assert "the model fell over" in answer.json()["error"]["message"]
