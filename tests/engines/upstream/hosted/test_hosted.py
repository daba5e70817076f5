"""The chat route of a hosted API: what is sent there, and what of its answer becomes ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.engines.upstream.fakes import Asked, Fake, Out, chat_events
from tests.engines.upstream.fronts import Front, front, until

from mimo.contract.errors import EngineError
from mimo.engines.upstream.hosted.engine import PRESETS, start
from mimo.engines.upstream.options import UpstreamOptions

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "weather", "description": "Look.", "parameters": PARAMETERS}}


def answering(fake: Fake, *deltas: dict[str, Any], finish: str = "stop") -> None:
    async def behaviour(asked: Asked, out: Out) -> None:
        await out.stream(chat_events(*deltas, finish=finish))

    fake.behaviour = behaviour


def test_a_call_in_pieces_keeps_one_id_and_its_arguments(hosted: Front, fake: Fake) -> None:
    def piece(**function: str) -> dict[str, Any]:
        return {"tool_calls": [{"index": 0, "function": function}]}

    first = {"tool_calls": [{"index": 0, "id": "call_a", "function": {"name": "weather", "arguments": ""}}]}
    again = {"tool_calls": [{"index": 0, "id": "call_a", "function": {"name": "weather", "arguments": 'is"}'}}]}
    answering(fake, first, piece(arguments='{"city": "Par'), again, finish="tool_calls")
    choice = hosted.chat("Paris?", tools=[TOOL]).json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    (call,) = choice["message"]["tool_calls"]
    assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == ("weather", {"city": "Paris"})
    text = hosted.chat("Paris?", tools=[TOOL], stream=True).text
    assert text.count('"id":"call_') == 1
    assert fake.asked[-1].body["tools"] == [TOOL]


def call(index: int, arguments: str, **more: str) -> dict[str, Any]:
    """A delta with a call, or with more of one."""
    return {"tool_calls": [{"index": index, **more, "function": {"name": "weather", "arguments": arguments}}]}


def test_calls_that_arrive_in_turns_come_out_whole_after_the_text(hosted: Front, fake: Fake) -> None:
    first, second = call(0, '{"city": ', id="call_a"), call(1, '{"city": ', id="call_b")
    answering(fake, {"content": "Both.\n\n"}, first, second, call(0, '"Oslo"}'), call(1, '"Rome"}'), finish="stop")
    choice = hosted.chat("Both?", tools=[TOOL], stop="\n\nX").json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("Both.\n\n", "tool_calls")
    calls = choice["message"]["tool_calls"]
    assert [one["id"] for one in calls] == ["call_a", "call_b"]
    assert [json.loads(one["function"]["arguments"])["city"] for one in calls] == ["Oslo", "Rome"]
    events = hosted.chat("Both?", tools=[TOOL], stop="\n\nX", stream=True).text
    assert events.index('\\n\\n"') < events.index("call_a") < events.index("call_b")


def test_a_call_of_the_history_that_is_no_json_is_sent_as_it_was(hosted: Front, fake: Fake) -> None:
    answering(fake, {"content": "Once more."})
    calling = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": '{"city":'}}
    turns = [{"role": "user", "content": "Paris?"}, {"role": "assistant", "tool_calls": [calling]}]
    assert hosted.chat("", messages=turns).status_code == 200
    assert fake.asked[-1].body["messages"][1]["tool_calls"][0]["function"] == calling["function"]


def test_a_call_without_arguments_or_id_gets_both(hosted: Front, fake: Fake) -> None:
    answering(fake, call(0, ""), finish="tool_calls")
    (one,) = hosted.chat("Now?", tools=[TOOL]).json()["choices"][0]["message"]["tool_calls"]
    assert one["id"].startswith("call_") and one["function"]["arguments"] == "{}"


def test_a_call_that_the_limit_cut_is_not_given_to_be_executed(hosted: Front, fake: Fake) -> None:
    answering(fake, call(0, '{"city": "Par', id="call_a"), finish="length")
    choice = hosted.chat("Paris?", tools=[TOOL]).json()["choices"][0]
    assert choice["finish_reason"] == "length"
    assert not choice["message"].get("tool_calls")


@pytest.mark.parametrize("arguments", ['{"city": "Par', "[1]", "Paris"])
def test_a_whole_call_whose_arguments_are_no_object_is_an_error(hosted: Front, fake: Fake, arguments: str) -> None:
    answering(fake, call(0, arguments, id="call_a"), finish="tool_calls")
    error = hosted.chat("Paris?", tools=[TOOL])
    assert (error.status_code, error.json()["error"]["code"]) == (502, "upstream_error")


@pytest.mark.parametrize("finish", ["abort", "error", "insufficient_system_resource"])
def test_an_end_that_is_a_failure_is_no_stop(hosted: Front, fake: Fake, finish: str) -> None:
    answering(fake, {"content": "half of it"}, finish=finish)
    error = hosted.chat()
    assert (error.status_code, error.json()["error"]["code"]) == (502, "upstream_error")
    assert finish in error.json()["error"]["message"]


def test_the_matched_stop_is_reported_where_the_protocol_has_a_field_for_it(hosted: Front, fake: Fake) -> None:
    answering(fake, {"content": "red, "}, {"content": "then green"}, finish="length")
    messages = [{"role": "user", "content": "Colours?"}]
    body = {"model": "mimo-v2-flash", "max_tokens": 9, "messages": messages, "stop_sequences": [" then", "green"]}
    answer = hosted.http.post("/v1/messages", json=body).json()
    assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", " then")
    assert [block["text"] for block in answer["content"]] == ["red,"]


def test_one_refused_choice_ends_the_others(hosted: Front, fake: Fake) -> None:
    came = 0

    async def behaviour(asked: Asked, out: Out) -> None:
        nonlocal came
        came += 1
        if came == 1:
            await out.head()
            await out.events(*chat_events({"content": "a"}, finish=None))
            await out.hang()
        else:
            await out.reply(429, {"error": {"message": "slow down"}})

    fake.behaviour, left = behaviour, fake.left
    assert hosted.chat(n=2).status_code == 429
    assert until(lambda: fake.left == left + 1), "the answer that had begun is closed"


def test_the_conversation_is_written_back_with_its_reasoning_and_calls(hosted: Front, fake: Fake) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Oslo?"},
        {"role": "assistant", "content": "", "reasoning_content": "I ask.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    ]
    answering(fake, {"content": "Rain."})
    assert hosted.chat(messages=messages, tools=[TOOL]).status_code == 200
    sent = fake.asked[-1].body["messages"]
    assert [row["role"] for row in sent] == ["system", "user", "assistant", "tool"]
    assert sent[2]["reasoning_content"] == "I ask."
    assert json.loads(sent[2]["tool_calls"][0]["function"]["arguments"]) == {"city": "Oslo"}
    assert sent[3]["tool_call_id"] == "call_1"


def test_the_switch_of_thinking_and_the_limit_are_always_sent(hosted: Front, fake: Fake) -> None:
    answering(fake, {"content": "a"})
    hosted.chat()
    body = fake.asked[-1].body
    assert body["thinking"] == {"type": "disabled"}
    assert (body["max_completion_tokens"], body["temperature"], body["top_p"]) == (1024, 1.0, 0.95)
    assert {"seed", "n", "stop", "logit_bias", "user"}.isdisjoint(body)


def test_n_choices_are_n_requests(hosted: Front, fake: Fake) -> None:
    answering(fake, {"content": "a"}, {"content": "b"})
    fake.asked.clear()
    body = hosted.chat(n=3).json()
    assert [choice["message"]["content"] for choice in body["choices"]] == ["ab"] * 3
    assert len(fake.asked) == 3
    assert body["usage"]["prompt_tokens"] == 11, "the prompt is counted once"
    assert body["usage"]["completion_tokens"] == 6


def test_text_is_not_counted_where_the_vocabulary_is_not_known(hosted: Front) -> None:
    error = hosted.http.post("/v1/tokenize", json={"text": "hello"})
    assert (error.status_code, error.json()["error"]["code"]) == (400, "unsupported_parameter")


async def test_without_an_id_to_ask_for_it_does_not_start() -> None:
    with pytest.raises(EngineError, match="--upstream-model"):
        await start(UpstreamOptions(("http://127.0.0.1:9/v1",)))


async def test_a_preset_has_an_id_for_every_model_of_the_contract() -> None:
    engine = await start(UpstreamOptions(("xiaomi",)))
    assert engine.client.addresses[0].url == PRESETS["xiaomi"].url
    assert all(engine.answers(name) for name in ("mimo-v2-pro", "mimo-v2-omni", "mimo-v2-flash"))
    await engine.close()


def test_the_error_of_a_refused_key_does_not_repeat_the_key(fake: Fake) -> None:
    async def behaviour(asked: Asked, out: Out) -> None:
        await out.reply(401, {"error": {"message": f"wrong key {asked.headers['authorization']}"}})

    fake.behaviour = behaviour
    with front("hosted", fake.url) as before:
        answer = before.chat()
    assert answer.status_code == 502
    assert "sesame" not in answer.text
