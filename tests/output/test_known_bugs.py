"""Parsing bugs that other engines shipped, by name; here they must stay impossible."""

from __future__ import annotations

from mimo.chat.bytes_tokenizer import ByteTokenizer
from mimo.engines.base import Sampled
from mimo.output.choice import ChoiceOutput
from mimo.types import ContentDelta, Event, Finish, ReasoningDelta


def output(text: str, *, thinking: bool, stop: tuple[str, ...] = (), in_reasoning: bool = False) -> list[Event]:
    """`text` in one push; the names of control tokens in it are control tokens."""
    tokenizer = ByteTokenizer()
    tokens: list[int] = []
    while text:
        name = next((name for name in tokenizer.control_names if text.startswith(name)), None)
        token = tokenizer.control(name) if name else None
        tokens += tokenizer.encode(text[0]) if token is None else [token]
        text = text[len(name) :] if name else text[1:]
    choice = ChoiceOutput(0, tokenizer, thinking=thinking, in_reasoning=in_reasoning, stop=stop)
    return choice.push(Sampled(0, tuple(tokens), (), "stop"))


def test_bug_2_with_thinking_off_the_whole_answer_is_content() -> None:
    for text in ("hello", "<think>hello", "<think></think>hello", "hel</think>lo"):
        assert output(text, thinking=False) == [ContentDelta(0, "hello"), Finish(0, "stop")], text
    assert output("hello", thinking=False, in_reasoning=True) == [ContentDelta(0, "hello"), Finish(0, "stop")]


def test_bug_2_with_thinking_on_an_answer_without_reasoning_is_content() -> None:
    assert output("hello", thinking=True) == [ContentDelta(0, "hello"), Finish(0, "stop")]


def test_bug_3_a_think_tag_never_leaks_into_content() -> None:
    events = output("\n<think>a</think>b<think>c</think>d", thinking=True)
    assert events == [ContentDelta(0, "\n"), ReasoningDelta(0, "a"), ContentDelta(0, "bcd"), Finish(0, "stop")]


def test_bug_9_a_second_close_tag_is_swallowed() -> None:
    events = output("<think>a</think></think>b</think>c", thinking=True)
    assert events == [ReasoningDelta(0, "a"), ContentDelta(0, "bc"), Finish(0, "stop")]


def test_bug_9_a_nested_open_tag_is_swallowed() -> None:
    events = output("<think>a<think>b</think>c", thinking=True)
    assert events == [ReasoningDelta(0, "ab"), ContentDelta(0, "c"), Finish(0, "stop")]


def test_bug_13_a_stop_string_does_not_fire_in_reasoning() -> None:
    events = output("<think>say STOP or</think>go STOP not", thinking=True, stop=("STOP",))
    assert events == [ReasoningDelta(0, "say STOP or"), ContentDelta(0, "go "), Finish(0, "stop")]


def test_bug_13_a_stop_string_does_not_match_across_the_end_of_reasoning() -> None:
    events = output("<think>ST</think>OP", thinking=True, stop=("STOP",))
    assert events == [ReasoningDelta(0, "ST"), ContentDelta(0, "OP"), Finish(0, "stop")]


def test_text_held_for_a_stop_is_sent_when_the_turn_ends() -> None:
    assert output("go ST", thinking=False, stop=("STOP",)) == [ContentDelta(0, "go ST"), Finish(0, "stop")]
