"""Parsing bugs that other engines shipped, by number; here they must stay impossible. Where each is held:

 1  a call inside <think>                     here
 2  thinking off, answer in reasoning         here
 3  <think> in content after a tool result    here, and tests/chat/test_tools.py (the rules' own tags)
 4  {} when one delta holds several events    here
 5  a compact call never closes               here, and tests/constraints/test_random_output.py (both dialects)
 6  white space stripped from values          here
 7  entities, null, type lists, text lost     here
 8  None and True                             here
 9  unclosed and nested markers               here
10  required, named, strict, parallel         here (strict), and tests/constraints/test_engines.py
11  endless repetition                        here, and tests/output/test_repetition.py
12  the client drops reasoning_content        tests/api (require_reasoning_passback); rendering: tests/chat/test_mimo.py
13  a stop fires in reasoning                 here, and inside a call: tests/calls/test_parser.py
14  reasoning or reasoning_content            tests/api (the field's name on the wire), tests/engines (upstream's)
15  "!!!!!!" from wrong weights               tests/nano, tests/training: parity with transformers; not a parser's
16  no tool calls at all                      here, and tests/constraints/test_engines.py (refused where unreadable)
    and ours: a control token typed by a user tests/chat/test_mimo.py, tests/chat/test_tools.py
"""

from __future__ import annotations

import json

from mimo.calls import FORMATS
from mimo.chat.mimo.format import MimoFormat
from mimo.constraints.grammar import answer_grammar
from mimo.constraints.llguidance import GrammarConstraint, compiled
from mimo.contract.tools import check_tool_rules
from mimo.output.choice import ChoiceOutput
from mimo.tokenizers.bytes import ByteTokenizer
from mimo.types import CompleteCall, ContentDelta, Event, Finish, Message, ReasoningDelta, TokenBatch, Tool, ToolCall

TEXT, COUNT, MAYBE = {"type": "string"}, {"type": "integer"}, {"type": ["string", "null"]}
KINDS = {"t": TEXT, "n": COUNT, "b": {"type": "boolean"}, "z": {"type": "null"}, "m": MAYBE}
TOOL = Tool("act", "", {"type": "object", "properties": KINDS}, strict=True)
BLOCK = "<tool_call>\n<function=act>\n<parameter=t>x</parameter>\n</function>\n</tool_call>"


def output(
    text: str,
    *,
    thinking: bool,
    stop: tuple[str, ...] = (),
    in_reasoning: bool = False,
    tools: tuple[Tool, ...] = (),
    finish: str = "stop",
) -> list[Event]:
    """`text` in one push; the names of control tokens in it are control tokens."""
    tokenizer = ByteTokenizer()
    tokens: list[int] = []
    while text:
        name = next((name for name in tokenizer.control_names if text.startswith(name)), None)
        token = tokenizer.control(name) if name else None
        tokens += tokenizer.encode(text[0]) if token is None else [token]
        text = text[len(name) :] if name else text[1:]
    choice = ChoiceOutput(0, tokenizer, thinking=thinking, in_reasoning=in_reasoning, stop=stop, tools=tools)
    return choice.push(TokenBatch(0, tuple(tokens), (), finish))  # type: ignore[arg-type]


def arguments(events: list[Event]) -> list[dict[str, object]]:
    """Of every call, in order."""
    return [json.loads(event.arguments) for event in events if isinstance(event, CompleteCall)]


def value(name: str, written: str) -> object:
    """What a value that the model wrote becomes."""
    text = f"<tool_call><function=act><parameter={name}>{written}</parameter></function></tool_call>"
    return arguments(output(text, thinking=False, tools=(TOOL,)))[0][name]


def test_bug_1_a_call_inside_the_reasoning_is_a_call() -> None:
    events = output(f"<think>I should act.{BLOCK}", thinking=True, tools=(TOOL,))
    assert events[0] == ReasoningDelta(0, "I should act.")
    assert arguments(events) == [{"t": "x"}] and events[-1] == Finish(0, "tool_calls")


def test_bug_2_with_thinking_off_the_whole_answer_is_content() -> None:
    for text in ("hello", "<think>hello", "<think></think>hello", "hel</think>lo"):
        assert output(text, thinking=False) == [ContentDelta(0, "hello"), Finish(0, "stop")], text
    assert output("hello", thinking=False, in_reasoning=True) == [ContentDelta(0, "hello"), Finish(0, "stop")]


def test_bug_2_with_thinking_on_an_answer_without_reasoning_is_content() -> None:
    assert output("hello", thinking=True) == [ContentDelta(0, "hello"), Finish(0, "stop")]


def test_bug_3_a_think_tag_never_leaks_into_content() -> None:
    events = output("\n<think>a</think>b<think>c</think>d", thinking=True)
    assert events == [ContentDelta(0, "\n"), ReasoningDelta(0, "a"), ContentDelta(0, "bcd"), Finish(0, "stop")]


def test_bug_3_tags_and_calls_in_earlier_turns_open_nothing() -> None:
    turns = [
        Message("user", "go"),
        Message("assistant", "", "thought", (ToolCall("1", "act", {"t": "<think>"}),)),
        Message("tool", "</think> <think>", tool_call_id="1"),
    ]
    prompt = MimoFormat(ByteTokenizer()).render(turns, thinking=True, tools=[TOOL])
    assert not prompt.in_reasoning
    events = output("<think>a</think>b", thinking=True, in_reasoning=prompt.in_reasoning, tools=(TOOL,))
    assert events == [ReasoningDelta(0, "a"), ContentDelta(0, "b"), Finish(0, "stop")]


def test_bug_4_many_events_in_one_push_are_all_there() -> None:
    events = output(f"<think>a</think>b{BLOCK}{BLOCK}c", thinking=True, tools=(TOOL,))
    assert arguments(events) == [{"t": "x"}, {"t": "x"}]
    assert [type(event).__name__ for event in events] == [
        "ReasoningDelta", "ContentDelta", *["CompleteCall"] * 2, "ContentDelta", "Finish",
    ]  # fmt: skip


def test_bug_5_a_compact_call_closes() -> None:
    events = output(BLOCK.replace("\n", ""), thinking=False, tools=(TOOL,))
    assert arguments(events) == [{"t": "x"}] and events[-1] == Finish(0, "tool_calls")


def test_bug_6_white_space_in_values_is_the_models() -> None:
    for written in ("\n x \n", "  ", "\n\n", "\ta\r\n", ""):
        assert value("t", written) == written


def test_bug_7_entities_in_values_are_not_unescaped() -> None:
    assert value("t", "&amp;&lt;") == "&amp;&lt;"


def test_bug_7_null_in_a_string_is_text() -> None:
    assert value("t", "null") == "null"


def test_bug_7_a_value_of_several_types_is_read_by_the_one_it_fits() -> None:
    assert value("m", "null") is None and value("m", "x") == "x"


def test_bug_7_text_around_calls_is_kept() -> None:
    events = output(f"a{BLOCK}b{BLOCK}c", thinking=False, tools=(TOOL,))
    assert "".join(event.text for event in events if isinstance(event, ContentDelta)) == "abc"


def test_bug_8_python_words_are_values_and_a_string_keeps_them() -> None:
    assert (value("b", "True"), value("b", "False"), value("z", "None")) == (True, False, None)
    assert (value("t", "True"), value("t", "None")) == ("True", "None")


def test_bug_9_unclosed_markers_lose_nothing() -> None:
    for text in (
        "<tool_call>\n<function=act",
        "<tool_call><function=act>",
        "<function=act></function>",
        "</tool_call>",
    ):
        assert output(text, thinking=False, tools=(TOOL,)) == [ContentDelta(0, text), Finish(0, "stop")]
    open_end = output("<tool_call><function=act></function>", thinking=False, tools=(TOOL,))
    assert arguments(open_end) == [{}] and open_end[-1] == Finish(0, "tool_calls")
    cut = output(BLOCK[:40], thinking=False, tools=(TOOL,), finish="length")
    assert cut == [Finish(0, "length")]


def test_bug_10_a_strict_call_may_be_written_in_both_dialects_and_in_no_third() -> None:
    tokenizer = ByteTokenizer()
    grammar = answer_grammar(check_tool_rules([TOOL], "auto"), "auto", None, FORMATS[0])
    assert grammar is not None
    ready = compiled(grammar, tokenizer)
    opens, closes = (tokenizer.control(name) for name in ("<tool_call>", "</tool_call>"))
    block = BLOCK.removeprefix("<tool_call>").removesuffix("</tool_call>")
    for body, fits in ((block, True), (block.replace("\n", ""), True), ('{"name": "act"}', False)):
        rule = GrammarConstraint(ready, tokenizer)
        for token in [opens, *body.encode(), closes]:
            assert token is not None
            allowed = bool(rule.allowed()[token // 32] >> token % 32 & 1)
            if not allowed:
                break
            rule.accept(token)
        assert allowed is fits, body


def test_bug_11_a_loop_ends() -> None:
    events = output("so it goes. " * 400, thinking=False)
    assert events[-1] == Finish(0, "repetition_truncation")


def test_bug_9_a_second_close_tag_is_swallowed() -> None:
    events = output("<think>a</think></think>b</think>c", thinking=True)
    assert events == [ReasoningDelta(0, "a"), ContentDelta(0, "bc"), Finish(0, "stop")]


def test_bug_9_a_nested_open_tag_is_swallowed() -> None:
    events = output("<think>a<think>b</think>c", thinking=True)
    assert events == [ReasoningDelta(0, "ab"), ContentDelta(0, "c"), Finish(0, "stop")]


def test_bug_13_a_stop_string_does_not_fire_in_reasoning() -> None:
    events = output("<think>say STOP or</think>go STOP not", thinking=True, stop=("STOP",))
    assert events == [ReasoningDelta(0, "say STOP or"), ContentDelta(0, "go "), Finish(0, "stop", "STOP")]


def test_bug_13_a_stop_string_does_not_match_across_the_end_of_reasoning() -> None:
    events = output("<think>ST</think>OP", thinking=True, stop=("STOP",))
    assert events == [ReasoningDelta(0, "ST"), ContentDelta(0, "OP"), Finish(0, "stop")]


def test_text_buffered_for_a_stop_is_sent_when_the_turn_ends() -> None:
    assert output("go ST", thinking=False, stop=("STOP",)) == [ContentDelta(0, "go ST"), Finish(0, "stop")]


def test_bug_16_declared_tools_are_always_read() -> None:
    for written in (
        BLOCK,
        BLOCK.replace("\n", ""),
        '<tool_call>\n{"name": "act", "arguments": {"t": "x"}}\n</tool_call>',
    ):
        assert arguments(output(written, thinking=False, tools=(TOOL,))) == [{"t": "x"}]
