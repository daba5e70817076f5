"""POST /v1/completions: raw prompts, whole and streamed, over a real socket."""

from __future__ import annotations

import json
from collections import defaultdict

import pytest

from mimo.engines.scripted.script import Script, ScriptedAnswer

FLASH = "mimo-v2-flash"


def complete(server, prompt="hi", **fields):
    return server.post(json.dumps({"model": FLASH, "prompt": prompt, **fields}), "/v1/completions")


def test_the_response_has_every_field_of_the_contract(server):
    body = complete(server).json()
    assert list(body) == ["id", "object", "created", "model", "system_fingerprint", "choices", "usage"]
    assert body["id"].startswith("cmpl-") and body["object"] == "text_completion"
    assert body["choices"] == [{"text": "Hello, world!", "index": 0, "logprobs": None, "finish_reason": "stop"}]
    assert body["usage"]["prompt_tokens"] == 2  # no template: two bytes of text are two tokens
    assert body["usage"]["completion_tokens"] == 4


def test_what_the_model_wrote_is_not_split(server):
    answer = complete(server, "weather", model="mimo-v2-pro")
    assert answer.json()["choices"][0]["text"] == "<think>Let me see</think>It is sunny."
    assert answer.json()["usage"]["completion_tokens_details"]["reasoning_tokens"] == 0


def test_text_never_becomes_a_control_token_and_ids_may_be_one(server):
    name = "<|im_end|>"
    assert complete(server, name).json()["usage"]["prompt_tokens"] == len(name)
    assert complete(server, [258, 104, 105]).json()["usage"]["prompt_tokens"] == 3


@pytest.mark.parametrize(
    ("prompts", "alone"),
    [(["hi", "weather"], ["hi", "weather"]), ([[104, 105], [104]], [[104, 105], [104]])],
)
def test_several_prompts_are_each_answered_as_alone(server, prompts, alone):
    body = complete(server, prompts, n=2).json()
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2, 3]
    texts = [choice["text"] for choice in body["choices"]]
    single = [complete(server, prompt).json() for prompt in alone]
    assert texts == [one["choices"][0]["text"] for one in single for _ in range(2)]
    for name, times in (("prompt_tokens", 1), ("completion_tokens", 2)):
        assert body["usage"][name] == sum(one["usage"][name] for one in single) * times


CASES = [
    {},
    {"prompt": ["hi", "weather"], "n": 2},
    {"prompt": "random", "seed": 3, "logprobs": 2},
    {"prompt": ["emoji", "lines"], "logprobs": 0},
    {"max_tokens": 2},
    {"stop": [", w"]},
]


@pytest.mark.parametrize("fields", CASES, ids=str)
def test_a_stream_joined_is_the_response_that_is_not_streamed(server, events, fields):
    whole = complete(server, **fields).json()
    chunks = events(complete(server, **fields, stream=True, stream_options={"include_usage": True}).text)
    assert (chunks[-1]["choices"], chunks[-1]["usage"]) == ([], whole["usage"])
    texts, reasons, logprobs = defaultdict(str), {}, defaultdict(lambda: defaultdict(list))
    for chunk in chunks[:-1]:
        (choice,) = chunk["choices"]
        texts[choice["index"]] += choice["text"]
        reasons[choice["index"]] = choice["finish_reason"]
        for name, values in (choice["logprobs"] or {}).items():
            logprobs[choice["index"]][name] += values
    assert len({chunk["id"] for chunk in chunks}) == 1
    for choice in whole["choices"]:
        assert texts[choice["index"]] == choice["text"]
        assert reasons[choice["index"]] == choice["finish_reason"]
        assert (logprobs[choice["index"]] or None) == choice["logprobs"]


def test_usage_comes_only_where_it_is_asked_for(server, events):
    assert all(chunk["choices"] for chunk in events(complete(server, stream=True).text))


def test_logprobs_say_where_each_token_begins(server):
    choice_of_emoji = complete(server, "emoji", logprobs=1).json()["choices"][0]
    assert choice_of_emoji["text"] == "grüße 😀!"
    columns = choice_of_emoji["logprobs"]
    assert columns["tokens"][:3] == ["gr", "bytes:\\xc3", "bytes:\\xbc\\xc3"]
    assert columns["text_offset"] == [0, 2, 2, 3, 4, 6, 6, 6, 7]
    assert {len(column) for column in columns.values()} == {9}


BAD = [  # fields, code, param
    ({"prompt": None}, "invalid_request", "prompt"),
    ({"prompt": []}, "invalid_request", "prompt"),
    ({"prompt": ""}, "invalid_request", "prompt"),
    ({"prompt": {}}, "invalid_request", "prompt"),
    ({"prompt": True}, "invalid_request", "prompt"),
    ({"prompt": ["a", 1]}, "invalid_request", "prompt[1]"),
    ({"prompt": [1, "a"]}, "invalid_request", "prompt[1]"),
    ({"prompt": [1, True]}, "invalid_request", "prompt[1]"),
    ({"prompt": [-1]}, "invalid_request", "prompt[0]"),
    ({"prompt": [1.5]}, "invalid_request", "prompt[0]"),
    ({"prompt": [10**9]}, "invalid_request", "prompt[0]"),
    ({"prompt": [[1], []]}, "invalid_request", "prompt[1]"),
    ({"prompt": [[1], [10**9]]}, "invalid_request", "prompt[1][0]"),
    ({"prompt": ["a"] * 33}, "invalid_request", "prompt"),
    ({"prompt": "x" * 40_000}, "context_length_exceeded", "prompt"),
    ({"prompt": ["a", "x" * 40_000]}, "context_length_exceeded", "prompt"),
    ({"echo": "yes"}, "invalid_request", "echo"),
    ({"echo": True, "max_tokens": -1}, "invalid_request", "max_tokens"),
    ({"echo": True, "max_tokens": False}, "invalid_request", "max_tokens"),
    ({"prompt_logprobs": 21}, "invalid_request", "prompt_logprobs"),
    ({"prompt_logprobs": -1}, "invalid_request", "prompt_logprobs"),
    ({"prompt_logprobs": True}, "invalid_request", "prompt_logprobs"),
    ({"suffix": "end"}, "unsupported_parameter", "suffix"),
    ({"best_of": 3}, "unsupported_parameter", "best_of"),
    ({"tools": []}, "unsupported_parameter", "tools"),
    ({"thinking": {"type": "enabled"}}, "unsupported_parameter", "thinking"),
    ({"response_format": {"type": "json_object"}}, "unsupported_parameter", "response_format"),
    ({"top_logprobs": 1}, "unsupported_parameter", "top_logprobs"),
    ({"logprobs": True}, "invalid_request", "logprobs"),
    ({"logprobs": 21}, "invalid_request", "logprobs"),
    ({"logprobs": "5"}, "invalid_request", "logprobs"),
    ({"temperature": 2.1}, "invalid_request", "temperature"),
    ({"max_tokens": 0}, "invalid_request", "max_tokens"),
    ({"logit_bias": {"99999": 1}}, "invalid_request", "logit_bias"),
]


@pytest.mark.parametrize(("fields", "code", "param"), BAD, ids=lambda value: str(value)[:50])
def test_a_wrong_field_is_named_and_the_next_request_answered(server, fields, code, param):
    for stream in (False, True):
        answer = complete(server, **{"prompt": "a", "stream": stream, **fields})
        assert answer.status_code == 400, answer.text
        error = answer.json()["error"]
        assert (error["code"], error["param"]) == (code, param)
        assert param in error["message"] or code == "context_length_exceeded"
    assert complete(server).status_code == 200
    assert server.running(0) == 0


def test_an_echo_is_the_prompt_before_the_answer_whole_and_streamed(server, events):
    plain = complete(server, ["ab", "é"], n=2, seed=3).json()
    echoed = complete(server, ["ab", "é"], n=2, seed=3, echo=True).json()
    prompts = ["ab", "ab", "é", "é"]
    texts = [prompt + choice["text"] for prompt, choice in zip(prompts, plain["choices"], strict=True)]
    assert [choice["text"] for choice in echoed["choices"]] == texts
    assert echoed["usage"] == plain["usage"]
    streamed = events(complete(server, ["ab", "é"], n=2, seed=3, echo=True, stream=True).text)
    joined = [""] * 4
    for chunk in streamed:
        for choice in chunk["choices"]:
            joined[choice["index"]] += choice["text"]
    assert joined == texts


@pytest.mark.parametrize("stream", [False, True])
def test_with_an_echo_there_may_be_nothing_after_the_prompt(server, events, stream):
    fields = {"echo": True, "max_tokens": 0, "logprobs": 1, "stream": stream}
    fields |= {"stream_options": {"include_usage": True}} if stream else {}
    answer = complete(server, [104, 195, 169], **fields)
    assert answer.status_code == 200, answer.text
    chunks = events(answer.text) if stream else [answer.json()]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    assert "".join(choice["text"] for choice in choices) == "hé"
    assert choices[-1]["finish_reason"] == "length"
    assert chunks[-1]["usage"]["completion_tokens"] == 0
    columns = choices[0]["logprobs"]
    assert columns["token_logprobs"][0] is None and columns["top_logprobs"][0] is None
    assert columns["tokens"] == ["h", "bytes:\\xc3", "bytes:\\xa9"]
    assert columns["text_offset"] == [0, 1, 1]
    assert server.running(0) == 0


def test_prompt_logprobs_have_vllms_form_with_and_without_an_echo(server):
    for echo in (False, True):
        answer = complete(server, "ab", prompt_logprobs=1, echo=echo, max_tokens=2).json()["choices"][0]
        assert answer["prompt_logprobs"] == [None, {"98": {"logprob": 0.0, "rank": 1, "decoded_token": "b"}}]
        assert answer["logprobs"] is None
        assert answer["text"].startswith("ab") == echo
    assert "prompt_logprobs" not in complete(server, "ab").json()["choices"][0]


@pytest.mark.parametrize("fields", [{"echo": False, "suffix": None, "best_of": 1}, {"n": 2, "best_of": 2}], ids=str)
def test_what_says_that_it_is_off_is_accepted(server, fields):
    assert complete(server, **fields).status_code == 200


def test_of_several_prompts_none_is_left_running_when_one_is_refused(serving):
    with serving(Script([ScriptedAnswer(["a"])], queue=2)) as small:
        assert complete(small, ["a", "b", "c"]).status_code == 429
        assert small.running(0) == 0
        assert complete(small, ["a", "b"]).status_code == 200


def test_a_client_that_leaves_frees_every_place(serving):
    endless = Script([ScriptedAnswer([{"repeat": 900, "steps": ["x", "y"]}])], delay=0.01)
    with serving(endless) as slow:
        body = {"model": FLASH, "prompt": ["a", "b", "c"], "stream": True}
        with slow.http.stream("POST", "/v1/completions", json=body) as answer:
            next(answer.iter_lines())
            assert slow.running(3) == 3
        assert slow.running(0) == 0


@pytest.mark.parametrize("top", [0, 1])
def test_the_drawn_token_is_always_among_the_likeliest(server, top):
    drawn_elsewhere = 0
    for seed in range(8):  # A and B are drawn alike often: 1 in 2**96 that the likeliest is always drawn
        columns = complete(server, "random", logprobs=top, seed=seed, temperature=2).json()["choices"][0]["logprobs"]
        for token, own, likeliest in zip(
            columns["tokens"], columns["token_logprobs"], columns["top_logprobs"], strict=True
        ):
            assert likeliest[token] == own
            assert len(likeliest) <= top + 1
            drawn_elsewhere += len(likeliest) > top
    assert drawn_elsewhere
