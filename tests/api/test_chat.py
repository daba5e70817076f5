"""POST /v1/chat/completions without streaming: the response object, and the headers that say what was used."""

from __future__ import annotations

import math
import re
import time

import pytest


def test_the_response_has_every_field_of_the_contract(server):
    answer = server.chat()
    body = answer.json()
    assert answer.status_code == 200
    assert list(body) == ["id", "object", "created", "model", "system_fingerprint", "choices", "usage"]
    assert re.fullmatch(r"chatcmpl-[0-9a-f]{32}", body["id"])
    assert body["object"] == "chat.completion"
    assert abs(body["created"] - time.time()) < 60
    assert body["model"] == "mimo-v2-flash"
    assert body["system_fingerprint"] == server.engine.info.fingerprint
    assert body["choices"] == [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {
                "role": "assistant",
                "content": "Hello, world!",
                "refusal": None,
                "annotations": [],
                "reasoning_content": None,
                "tool_calls": None,
            },
            "logprobs": None,
        }
    ]


def test_usage_has_both_details_and_the_total_is_the_sum(server):
    usage = server.chat("weather", thinking={"type": "enabled"}).json()["usage"]
    assert usage["prompt_tokens"] > 0
    assert usage["completion_tokens"] == 9
    assert usage["total_tokens"] == usage["prompt_tokens"] + 9
    assert usage["completion_tokens_details"] == {"reasoning_tokens": 3}
    assert usage["prompt_tokens_details"] == {"cached_tokens": 0}


def test_reasoning_is_a_string_with_thinking_on_and_null_with_it_off(server):
    thinking = server.chat("weather", thinking={"type": "enabled"}).json()["choices"][0]["message"]
    assert (thinking["reasoning_content"], thinking["content"]) == ("Let me see", "It is sunny.")
    none = server.chat("hi", thinking={"type": "enabled"}).json()["choices"][0]["message"]
    assert (none["reasoning_content"], none["content"]) == ("", "Hello, world!")
    off = server.chat("hi", thinking={"type": "disabled"}).json()["choices"][0]["message"]
    assert off["reasoning_content"] is None


def test_every_choice_comes_with_its_index(server):
    choices = server.chat("random", n=3, seed=7).json()["choices"]
    assert [choice["index"] for choice in choices] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in choices}) > 1  # 3 draws of 12: odds of equality 3e-11


def test_the_limit_ends_the_answer_with_length(server):
    choice = server.chat("endless", max_completion_tokens=3).json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("word word word ", "length")


def test_the_alias_loses_against_the_real_name(server):
    answer = server.chat("endless", max_tokens=2, max_completion_tokens=3)
    assert answer.json()["usage"]["completion_tokens"] == 3


def test_stop_text_is_never_sent(server):
    choice = server.chat("hi", stop="wor").json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("Hello, ", "stop")


def test_a_character_split_over_tokens_arrives_whole(server):
    assert server.chat("emoji").json()["choices"][0]["message"]["content"] == "grüße 😀!"


def test_a_truncated_character_becomes_a_replacement(server):
    content = server.chat("emoji", max_completion_tokens=2).json()["choices"][0]["message"]["content"]
    assert content == "gr\ufffd"


def test_a_seed_repeats_the_answer_and_another_does_not(server):
    first, again, other = (
        server.chat("random", seed=seed, top_p=1).json()["choices"][0]["message"]["content"] for seed in (5, 5, 6)
    )
    assert first == again
    assert first != other  # odds of a false alarm: below 3e-5


def test_logprobs_come_in_openai_form(server):
    choice = server.chat("random", logprobs=True, top_logprobs=2, max_completion_tokens=1).json()["choices"][0]
    assert choice["logprobs"]["refusal"] is None
    (token,) = choice["logprobs"]["content"]
    assert token["token"] == choice["message"]["content"]
    assert token["bytes"] == list(token["token"].encode())
    assert [sorted(top) for top in token["top_logprobs"]] == [["bytes", "logprob", "token"]] * 2
    raw = 1 - math.log(2 * math.exp(1) + math.exp(0.5))  # of the logits 1, 1, 0.5, before temperature and top_p
    assert [top["logprob"] for top in token["top_logprobs"]] == pytest.approx([raw, raw], abs=1e-5)


def test_logprobs_of_reasoning_stand_next_to_those_of_content(server):
    choice = server.chat("weather", thinking={"type": "enabled"}, logprobs=True).json()["choices"][0]
    assert [token["token"] for token in choice["logprobs"]["reasoning_content"]] == ["Let", " me", " see"]
    assert [token["token"] for token in choice["logprobs"]["content"]] == ["It", " is", " sunny", "."]
    assert all(token["top_logprobs"] == [] for token in choice["logprobs"]["content"])


def test_the_header_says_what_was_really_used(server):
    said = server.chat("hi", temperature=0.5, seed=11).headers["x-mimo-parameters"]
    assert said == (
        "temperature=0.5; top_p=0.95; max_completion_tokens=1024; frequency_penalty=0.0; presence_penalty=0.0; "
        "seed=11; thinking=disabled"
    )
    drawn = server.chat("hi").headers["x-mimo-parameters"]
    assert re.search(r"seed=\d+; ", drawn)


def test_unknown_fields_are_named_with_the_nearest_known_one(server):
    answer = server.chat("hi", temperatur=0.1, zebra=None)
    assert answer.status_code == 200
    assert answer.headers["x-mimo-ignored"] == "temperatur; did you mean temperature?, zebra"
    assert "x-mimo-ignored" not in server.chat("hi").headers


def test_unknown_fields_of_a_message_are_named_unless_empty(server):
    message = {"role": "assistant", "content": "a", "refusal": None, "annotations": [], "mood": "good"}
    answer = server.chat("hi", messages=[message, {"role": "user", "content": "b"}])
    assert answer.headers["x-mimo-ignored"] == "messages[0].mood"


def test_an_unknown_name_cannot_break_the_header(server):
    names = {"evil\r\nset-cookie: a=b": 1, "ümlaut\u2028": 1, **{f"field {at} " + "x" * 60: 1 for at in range(100)}}
    answer = server.chat("hi", **names)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    said = answer.headers["x-mimo-ignored"]
    assert len(said) <= 1024 and said.isascii() and said.isprintable()
    assert said.startswith("evil\\r\\nset-cookie: a=b, \\xfcmlaut\\u2028, field 0 ")
    assert re.search(r", and \d+ more$", said)


def test_strict_refuses_an_unknown_field_by_name(serving):
    with serving(strict=True) as server:
        error = server.chat("hi", temperatur=0.1)
        assert error.status_code == 400
        assert error.json()["error"]["param"] == "temperatur"
        assert "did you mean temperature?" in error.json()["error"]["message"]
        inner = server.chat("hi", messages=[{"role": "user", "content": "a", "mood": 1}])
        assert (inner.status_code, inner.json()["error"]["param"]) == (400, "messages[0].mood")
        assert server.chat("hi").status_code == 200


def test_lost_reasoning_is_noticed_or_refused(server, serving):
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    messages = [
        {"role": "user", "content": "weather"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    ]
    thinking = {"type": "enabled"}
    answer = server.chat(messages=messages, thinking=thinking)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-mimo-notice"].startswith("messages[1].reasoning_content is missing")
    assert "x-mimo-notice" not in server.chat(messages=messages).headers
    with serving(require_reasoning_passback=True) as demanding:
        error = demanding.chat(messages=messages, thinking=thinking)
        assert (error.status_code, error.json()["error"]["param"]) == (400, "messages[1].reasoning_content")
        brought = [messages[0], {**messages[1], "reasoning_content": "I ask."}, *messages[2:]]
        assert demanding.chat(messages=brought, thinking=thinking).status_code == 200


def test_ignore_eos_goes_on_to_the_limit_and_min_tokens_as_far_as_they_say(server):
    answer = server.chat("hi", ignore_eos=True, max_tokens=40, seed=1)
    assert (answer.json()["usage"]["completion_tokens"], answer.json()["choices"][0]["finish_reason"]) == (40, "length")
    assert answer.json()["choices"][0]["message"]["content"].startswith("Hello, world!")
    assert answer.headers["x-mimo-parameters"].endswith("; ignore_eos=true")
    answer = server.chat("hi", min_tokens=9, max_tokens=40, seed=1)
    assert answer.json()["usage"]["completion_tokens"] >= 9
    assert answer.headers["x-mimo-parameters"].endswith("; min_tokens=9")
    stopped = server.chat("hi", ignore_eos=True, max_tokens=40, stop=["world"]).json()["choices"][0]
    assert (stopped["finish_reason"], stopped["message"]["content"]) == ("stop", "Hello, ")
    assert server.chat("hi", min_tokens=0, ignore_eos=False).json()["usage"]["completion_tokens"] == 4


def test_what_other_servers_know_of_streams_and_templates_is_taken(server):
    padded = server.chat("hi", stream=True, stream_options={"include_obfuscation": False})
    assert padded.status_code == 200 and "x-mimo-ignored" not in padded.headers
    kept = server.chat("hi", chat_template_kwargs={"preserve_thinking": True})
    assert kept.status_code == 200
    assert "chat_template_kwargs.preserve_thinking" in kept.headers["x-mimo-ignored"]
    wrong = server.chat("hi", stream=True, stream_options={"continuous_usage_stats": 1})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "stream_options.continuous_usage_stats")


def test_a_refusal_of_the_assistant_is_text(server):
    def count(**said):
        turns = [{"role": "user", "content": "hi"}, {"role": "assistant", **said}, {"role": "user", "content": "why"}]
        answer = server.chat(messages=turns)
        assert answer.status_code == 200, answer.text
        return answer.json()["usage"]["prompt_tokens"]

    plain = count(content="I will not.")
    assert count(content=[{"type": "refusal", "refusal": "I will not."}]) == plain
    assert count(content=None, refusal="I will not.") == plain
    assert count(content="I will not.", refusal=None) == plain
