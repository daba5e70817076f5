"""Claims about calls: what is one, what its arguments are, and that nothing a model writes is lost or raises."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimo.output.choice import ChoiceOutput
from mimo.tokenizers.bytes import ByteTokenizer
from mimo.types import CompleteCall, ContentDelta, Event, Finish, ReasoningDelta, TokenBatch, TokenLogprob, Tool

TOKENIZER = ByteTokenizer()
KINDS = {
    "text": {"type": "string"},
    "count": {"type": "integer"},
    "share": {"type": "number"},
    "flag": {"type": "boolean"},
    "nothing": {"type": "null"},
    "list": {"type": "array"},
    "object": {"type": "object"},
    "maybe": {"type": ["string", "null"]},
    "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    "chosen": {"enum": ["1", 1, "null", None]},
    "colour": {"$ref": "#/$defs/colour"},
    "any": {},
}
TOOLS = (
    Tool("act", "", {"type": "object", "properties": KINDS, "$defs": {"colour": {"enum": ["red", "null"]}}}),
    Tool("get_time", "", {}),
)


def ids(text: str) -> list[int]:
    """`text` as tokens; the names of control tokens in it are control tokens."""
    tokens: list[int] = []
    while text:
        name = next((name for name in TOKENIZER.control_names if text.startswith(name)), None)
        control = TOKENIZER.control(name) if name else None
        tokens += TOKENIZER.encode(text[0]) if control is None else [control]
        text = text[len(name) :] if name else text[1:]
    return tokens


def output(text: str, finish: str = "stop", **options: object) -> list[Event]:
    """The events of `text` in one push, ids of calls left out."""
    return push([ids(text)], finish, **options)


def push(parts: Sequence[Sequence[int]], finish: str = "stop", **options: object) -> list[Event]:
    wanted_settings: dict[str, object] = {
        "thinking": False,
        "in_reasoning": False,
        "stop": (),
        "tools": TOOLS,
        **options,
    }
    choice = ChoiceOutput(0, TOKENIZER, **wanted_settings)  # type: ignore[arg-type]
    events: list[Event] = []
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        events += choice.push(TokenBatch(0, tuple(part), (), finish if last else None))  # type: ignore[arg-type]
    return [
        CompleteCall(event.choice, event.index, "id", event.name, event.arguments)
        if isinstance(event, CompleteCall)
        else event
        for event in events
    ]


def call(index: int, name: str, arguments: str = "{}") -> list[Event]:
    return [CompleteCall(0, index, "id", name, arguments)]


def arguments_of(text: str) -> dict[str, object]:
    """The arguments of the one call in `text`."""
    found = [event for event in output(text) if isinstance(event, CompleteCall)]
    (only,) = found
    arguments: dict[str, object] = json.loads(only.arguments)
    return arguments


def value_of(kind: str, written: str) -> object:
    body = f"<tool_call>\n<function=act>\n<parameter={kind}>{written}</parameter>\n</function>\n</tool_call>"
    return arguments_of(body)[kind]


BLOCK = (
    "<tool_call>\n<function=act>\n<parameter=text>Åbo</parameter>\n<parameter=count>3</parameter>\n</function>\n"
    "</tool_call>"
)
COMPACT = (
    "<tool_call><function=act><parameter=text>Åbo</parameter><parameter=count>3</parameter></function></tool_call>"
)
HERMES = '<tool_call>\n{"name": "act", "arguments": {"text": "Åbo", "count": 3}}\n</tool_call>'


@pytest.mark.parametrize("written", [BLOCK, COMPACT])
def test_both_dialects_give_the_same_call(written: str) -> None:
    assert output(written) == [*call(0, "act", '{"text":"Åbo","count":3}'), Finish(0, "tool_calls")]


def test_a_call_in_json_is_a_call_and_its_arguments_are_as_written() -> None:
    assert output(HERMES) == [*call(0, "act", '{"text": "Åbo", "count": 3}'), Finish(0, "tool_calls")]
    for arguments in ('"{\\"count\\": 3}"', '{"count": 3}'):
        written = '<tool_call>{"arguments": ' + arguments + ', "name": "act"}</tool_call>'
        assert output(written) == [*call(0, "act", '{"count": 3}'), Finish(0, "tool_calls")]
    brace = '<tool_call>{"name": "act", "arguments": {"text": "}\\"{</tool_call>\\\\"}}</tool_call>'
    assert arguments_of(brace) == {"text": '}"{</tool_call>\\'}


def test_text_before_between_and_after_calls_is_kept() -> None:
    events = output(f"Look: {BLOCK}\n and {COMPACT} done.", thinking=True)
    both = '{"text":"Åbo","count":3}'
    assert events == [
        ContentDelta(0, "Look: "), *call(0, "act", both), ContentDelta(0, "\n and "), *call(1, "act", both),
        ContentDelta(0, " done."), Finish(0, "tool_calls"),
    ]  # fmt: skip


def test_white_space_between_calls_and_after_the_last_separates_them_and_is_no_text() -> None:
    now = "<tool_call>\n<function=get_time>\n</function>\n</tool_call>"
    assert output(f"{now}\n\n{now}\n") == [*call(0, "get_time"), *call(1, "get_time"), Finish(0, "tool_calls")]
    assert output(f"\n{now}")[0] == ContentDelta(0, "\n"), "before the first it was sent already"


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        ("text", "  a \n", "  a \n"), ("text", "\n", "\n"), ("text", "", ""), ("text", "null", "null"),
        ("text", "True", "True"), ("text", "12", "12"), ("text", '"q"', '"q"'), ("text", "&amp;<b>", "&amp;<b>"),
        ("text", "<parameter=x>", "<parameter=x>"), ("text", "</function>\n</tool_call>", "</function>\n</tool_call>"),
        ("text", "<tool_call>\n<function=act>", "<tool_call>\n<function=act>"), ("text", "<think>", "<think>"),
        ("text", "a\u2028\u0000\x7f", "a\u2028\u0000\x7f"), ("count", "3", 3), ("count", " 3\n", 3),
        ("count", "three", "three"), ("share", "0.50", 0.5), ("share", "NaN", "NaN"), ("flag", "true", True),
        ("flag", "True", True), ("flag", "False", False), ("flag", "yes", "yes"), ("nothing", "None", None),
        ("nothing", "null", None), ("list", '[1, "é", {"a": null}]', [1, "é", {"a": None}]), ("list", "[1,", "[1,"),
        ("object", '{"a": [true]}', {"a": [True]}), ("object", "{'a': 1}", "{'a': 1}"), ("maybe", "null", None),
        ("maybe", "None", None), ("maybe", " null", " null"), ("maybe", "5", "5"), ("either", "5", 5),
        ("either", "5.5", "5.5"), ("either", "null", "null"), ("chosen", "1", "1"), ("chosen", "null", "null"),
        ("colour", "null", "null"), ("any", "7", 7), ("any", "seven", "seven"), ("undeclared", "[]", []),
        ("undeclared", "x", "x"),
    ],
)  # fmt: skip
def test_values_are_typed_by_the_schema_and_otherwise_verbatim(kind: str, written: str, value: object) -> None:
    found = value_of(kind, written)
    assert found == value and type(found) is type(value)


def test_no_digit_of_a_number_is_lost() -> None:
    for written in ("1.10", "123456789012345678901234567890", "1e3", "-0.0"):
        body = f"<tool_call><function=act><parameter=share>{written}</parameter></function></tool_call>"
        assert call(0, "act", f'{{"share":{written}}}')[0] in output(body), written


def test_a_call_inside_reasoning_ends_the_reasoning() -> None:
    events = output(f"<think>I need {COMPACT}", thinking=True)
    assert events[0] == ReasoningDelta(0, "I need ")
    assert events[1:2] == call(0, "act", '{"text":"Åbo","count":3}') and events[-1] == Finish(0, "tool_calls")
    assert output("<think>a<tool_call>", thinking=True, tools=()) == [
        ReasoningDelta(0, "a<tool_call>"), Finish(0, "stop"),
    ]  # fmt: skip


def test_a_call_cut_by_the_limit_is_not_sent_at_all() -> None:
    tokens = ids(f"ok {BLOCK}")
    close = len(ids(f"ok {BLOCK.removesuffix('</tool_call>')}"))
    for size in range(len(ids("ok ")), len(tokens)):
        events = push([tokens[:size]], "length")
        whole = size >= close - 1  # the new line before </tool_call> is no part of it
        assert events[0] == ContentDelta(0, "ok ") and events[-1] == Finish(0, "length")
        assert len(events) == (3 if whole else 2), size


@pytest.mark.parametrize(
    "written",
    [
        "<tool_call>", "<tool_call>\n", "<tool_call>hello", "<tool_call>\n<function=", "<tool_call><function=act",
        "<tool_call><function=act <parameter=text>x</parameter></function></tool_call>",
        "<tool_call><function=unknown></function></tool_call>", "<tool_call><function=></function></tool_call>",
        "<tool_call></tool_call>", "<tool_call><function=act>text</function></tool_call>",
        "<tool_call><function=act><parameter=text>never closed</function></tool_call>",
        "<tool_call><function=act><parameter=>x</parameter></function></tool_call>",
        "<tool_call><function=act><parameter=text>x</parameter>", "</tool_call>", "a</tool_call>b",
        "<function=act><parameter=text>no wrapper</parameter></function>", '<tool_call>{"name": "unknown"}</tool_call>',
        '<tool_call>{"name": "act", "arguments": [1]}</tool_call>', "<tool_call>{]</tool_call>", "<tool_call>{",
        '<tool_call>{"name": 1}</tool_call>', '<tool_call>{"arguments": {}}</tool_call>', "<tool_call><tool_call>",
    ],
)  # fmt: skip
def test_what_is_no_call_comes_out_as_it_was_written(written: str) -> None:
    assert output(f"so {written}") == [ContentDelta(0, f"so {written}"), Finish(0, "stop")]
    assert output(f"so {written}", tools=()) == [ContentDelta(0, f"so {written}"), Finish(0, "stop")]


def test_what_can_be_no_call_any_more_is_text_at_once() -> None:
    for text in ("<tool_call><function=b", "<tool_call>x", "<tool_call><function=act><parameter=a\n"):
        choice = ChoiceOutput(0, TOKENIZER, thinking=False, in_reasoning=False, stop=(), tools=TOOLS)
        assert choice.push(TokenBatch(0, tuple(ids(text)))) == [ContentDelta(0, text)]


def test_a_call_after_a_broken_one_is_found() -> None:
    events = output(f"<tool_call>\n<function=act{COMPACT}")
    assert events[0] == ContentDelta(0, "<tool_call>\n<function=act")
    assert events[1:2] == call(0, "act", '{"text":"Åbo","count":3}')


def test_a_call_without_its_last_marker_is_whole() -> None:
    now = "<tool_call><function=get_time></function>"
    assert output(now) == [*call(0, "get_time"), Finish(0, "tool_calls")]
    assert output(f"{now}\n{now}</tool_call>") == [
        *call(0, "get_time"), *call(1, "get_time"), Finish(0, "tool_calls"),
    ]  # fmt: skip
    assert output(f"{now} then") == [*call(0, "get_time"), ContentDelta(0, " then"), Finish(0, "tool_calls")]
    early = "<tool_call><function=act><parameter=count>3</parameter></tool_call>"
    assert output(early) == [*call(0, "act", '{"count":3}'), Finish(0, "tool_calls")]


def test_a_stop_string_never_matches_inside_a_call() -> None:
    events = output(BLOCK + "go STOP", stop=("Åbo", "function", "STOP", "3"))
    assert events[:1] == call(0, "act", '{"text":"Åbo","count":3}')
    assert events[1] == ContentDelta(0, "go ")
    assert isinstance(events[2], Finish) and events[2].reason == "tool_calls"
    broken = output("<tool_call><function=no> STOP", stop=("STOP",))
    assert broken[0] == ContentDelta(0, "<tool_call><function=no> "), "text is text"


def test_without_parallel_calls_the_first_ends_the_turn() -> None:
    events = output(f"{BLOCK}{COMPACT} more", finish="length", parallel=False)
    assert events == [*call(0, "act", '{"text":"Åbo","count":3}'), Finish(0, "tool_calls")]


def test_tokens_of_a_call_have_no_log_probabilities_in_content() -> None:
    tokens = ids(f"a{COMPACT}b<tool_call>c")
    choice = ChoiceOutput(0, TOKENIZER, thinking=False, in_reasoning=False, stop=(), tools=TOOLS)
    given_ = tuple(TokenLogprob(at, -1.0) for at in range(len(tokens)))
    events = choice.push(TokenBatch(0, tuple(tokens), given_, "stop"))
    shown = [one.token for event in events if isinstance(event, ContentDelta) for one in event.logprobs]
    assert shown == [0, *range(len(tokens) - 3, len(tokens))]


def test_ids_are_new_for_every_call() -> None:
    choice = ChoiceOutput(0, TOKENIZER, thinking=False, in_reasoning=False, stop=(), tools=TOOLS)
    events = choice.push(TokenBatch(0, tuple(ids(BLOCK + COMPACT)), (), "stop"))
    named = [event.id for event in events if isinstance(event, CompleteCall)]
    assert len(set(named)) == 2 and all(len(name) == 29 and name.startswith("call_") for name in named)


WORDS = st.sampled_from(
    [
        "<tool_call>", "</tool_call>", "<tool_call>", "</tool_call>", "\n", "<function=act>", "<function=get_time>",
        "<function=no>", "<function=", "</function>", "<parameter=text>", "<parameter=count>", "<parameter=maybe>",
        "</parameter>", "</parameter>", "<think>", "</think>", "é", "😀", "3", "null", "{", "}", '{"name": "act"}',
        '{"name": "get_time", "arguments": {}}', '"', " ", "STOP", "x",
    ]
)  # fmt: skip
calls = st.sampled_from([BLOCK, COMPACT, HERMES])
texts = st.lists(st.one_of(WORDS, WORDS, calls), max_size=10).map("".join)


@settings(derandomize=True, deadline=None, max_examples=600)
@given(
    texts, st.lists(st.integers(0, 60), max_size=8), st.booleans(), st.booleans(), st.sampled_from(["stop", "length"])
)
def test_any_cut_into_pushes_gives_the_one_shot_result(
    text: str, cuts: list[int], thinking: bool, parallel: bool, finish: str
) -> None:
    tokens = ids(text)
    options: dict[str, object] = {"thinking": thinking, "parallel": parallel, "stop": ("STOP",)}
    whole = joined(push([tokens], finish, **options))
    places = sorted({0, len(tokens), *(cut % (len(tokens) + 1) for cut in cuts)})
    parts = [tokens[start:end] for start, end in pairwise(places)] or [[]]
    assert joined(push(parts, finish, **options)) == whole
    assert joined(push([[token] for token in tokens] or [[]], finish, **options)) == whole


def joined(events: list[Event]) -> tuple[object, ...]:
    """What a client has at the end: text, reasoning, calls; and how it ended."""
    content = "".join(event.text for event in events if isinstance(event, ContentDelta))
    reasoning = "".join(event.text for event in events if isinstance(event, ReasoningDelta))
    calls = [event for event in events if isinstance(event, CompleteCall)]
    for call in calls:
        assert isinstance(json.loads(call.arguments), dict)
    assert [call.index for call in calls] == [*range(len(calls))]
    return content, reasoning, [(call.name, call.arguments) for call in calls], events[-1]


@settings(derandomize=True, deadline=None, max_examples=600)
@given(st.lists(st.one_of(st.integers(0, TOKENIZER.vocabulary - 1), WORDS.map(ids)), max_size=40), st.booleans())
def test_no_sequence_of_tokens_raises_and_nothing_is_lost(sequence: list[int | list[int]], thinking: bool) -> None:
    tokens = [token for item in sequence for token in (item if isinstance(item, list) else [item])]
    content, reasoning, called, end = joined(push([tokens], "stop", thinking=thinking))
    assert end == Finish(0, "tool_calls" if called else "stop")
    if not called:
        silent = {TOKENIZER.control(name) for name in TOKENIZER.control_names if "tool_call" not in name}
        shown = b"".join(TOKENIZER.piece(token) for token in tokens if token not in silent)
        assert len(str(content) + str(reasoning)) >= len(shown.decode(errors="ignore"))


def test_a_long_value_in_many_pushes_takes_linear_time() -> None:
    body = (
        ids("<tool_call><function=act><parameter=text>") + [120] * 50_000 + ids("</parameter></function></tool_call>")
    )
    events = push([[token] for token in body], repetition_truncation=False)
    assert len(events[0].arguments) == 50_000 + len('{"text":""}')  # type: ignore[union-attr]
    brace = ids('<tool_call>{"name": "act", "arguments": {"text": "') + [120] * 50_000 + ids('"}}</tool_call>')
    assert push([[token] for token in brace], repetition_truncation=False)[-1] == Finish(0, "tool_calls")
