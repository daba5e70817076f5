"""Events → the two forms of an answer: what one says the other says, also where no engine gives it yet."""

from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from mimo.api.protocols.openai_chat.reply import Reply, Whole
from mimo.api.protocols.openai_chat.stream import Chunks
from mimo.types import CompleteCall, ContentDelta, Finish, ReasoningDelta, TokenLogprob, Usage

USAGE = Usage(prompt_tokens=7, completion_tokens=5, reasoning_tokens=2, cached_tokens=3)


def reply(choices=1, thinking=False):
    return Reply("mimo-v2-flash", "print", choices, thinking, lambda token: bytes([token]))


def chunks(events, **options):
    sent = Chunks(reply(**options), include_usage=True).frames(events).decode().split("\n\n")
    assert sent[-2:] == ["data: [DONE]", ""]
    return [json.loads(frame.removeprefix("data: ")) for frame in sent[:-2]]


def whole(events, logprobs=False, **options):
    collected = Whole(reply(**options), logprobs)
    for event in events:
        collected.add([event])
    return json.loads(collected.body())


CALLS = [
    ContentDelta(0, "Let me look."),
    CompleteCall(0, 0, "call_1", "weather", '{"city": "Gräfelfing"}'),
    CompleteCall(0, 1, "call_2", "time", "{}"),
    Finish(0, "tool_calls"),
    USAGE,
]


def test_tool_calls_are_whole_in_one_form_and_pieces_in_the_other():
    choice = whole(CALLS)["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"] == [
        {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Gräfelfing"}'}},
        {"id": "call_2", "type": "function", "function": {"name": "time", "arguments": "{}"}},
    ]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks(CALLS)[:-1]]
    assert deltas[1:5] == [
        {
            "tool_calls": [
                {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
            ]
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"city": "Gräfelfing"}'}}]},
        {
            "tool_calls": [
                {"index": 1, "id": "call_2", "type": "function", "function": {"name": "time", "arguments": ""}}
            ]
        },
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
    ]
    ChatCompletion.model_validate(whole(CALLS), strict=True)
    for chunk in chunks(CALLS):
        ChatCompletionChunk.model_validate(chunk, strict=True)


def test_a_probability_of_zero_is_a_number_in_json():
    events = [
        ContentDelta(0, "a", (TokenLogprob(97, -math.inf, ((98, 0.0), (97, -math.inf))),)),
        Finish(0, "stop"),
        USAGE,
    ]
    (entry,) = whole(events, logprobs=True)["choices"][0]["logprobs"]["content"]
    assert entry["logprob"] == -9999.0
    assert [top["logprob"] for top in entry["top_logprobs"]] == [0.0, -9999.0]
    assert chunks(events)[0]["choices"][0]["logprobs"]["content"] == [entry]


texts = st.text(max_size=8)
deltas = st.builds(ContentDelta, st.integers(0, 1), texts) | st.builds(ReasoningDelta, st.integers(0, 1), texts)


@given(st.lists(deltas, max_size=12))
def test_joined_chunks_are_the_whole_answer_whatever_the_events(events):
    events = [*events, Finish(0, "stop"), Finish(1, "length"), USAGE]
    one = whole(events, choices=2, thinking=True)
    streamed = chunks(events, choices=2, thinking=True)
    assert streamed[-1]["usage"] == one["usage"]
    for choice in one["choices"]:
        mine = [chunk["choices"][0] for chunk in streamed[:-1] if chunk["choices"][0]["index"] == choice["index"]]
        assert mine[-1]["finish_reason"] == choice["finish_reason"]
        for name in ("content", "reasoning_content"):
            assert "".join(part["delta"].get(name, "") for part in mine) == choice["message"][name]
