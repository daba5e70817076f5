"""Claims about the whole output of one choice, held to a slow reference that looks at everything at once."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from mimo.output.choice import ChoiceOutput
from mimo.tokenizers.bytes import ByteTokenizer
from mimo.types import ContentDelta, Event, Finish, ReasoningDelta, TokenBatch, TokenLogprob

Token = bytes | str
"""Text as bytes, or the name of a control token."""


class Pieces(ByteTokenizer):
    """A byte tokenizer that learns a token for every text it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: dict[bytes, int] = {}

    def ids(self, tokens: Sequence[Token]) -> tuple[int, ...]:
        return tuple(map(self._id, tokens))

    def _id(self, token: Token) -> int:
        if isinstance(token, str):
            known = self.control(token)
            assert known is not None
            return known
        if token not in self._texts:
            self._texts[token] = len(self.pieces)
            self.pieces.append(token)
        return self._texts[token]


Reason = Literal["stop", "length"]


@dataclass
class Expected:
    content: str = ""
    reasoning: str = ""
    content_logprobs: list[int] = field(default_factory=list)
    reasoning_logprobs: list[int] = field(default_factory=list)
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    stopped: bool = False


def visible(tokens: Sequence[Token], thinking: bool, in_reasoning: bool) -> list[tuple[str, int, int]]:
    """(channel, segment, index) of every token that is text or counts as reasoning; control tokens as "tag"."""
    places, inside, segment, text = [], thinking and in_reasoning, 0, b""
    for at, token in enumerate(tokens):
        if token == "</think>" and inside:
            inside, segment = False, segment + 1
        elif token == "<think>" and thinking and not inside and not text.strip(b" \t\r\n\v\f"):
            inside, segment = True, segment + 1
        elif isinstance(token, str):
            places.append(("swallowed in reasoning" if inside else "swallowed", segment, at))
        else:
            places.append(("reasoning" if inside else "content", segment, at))
            text += b"" if inside else token
    return [*places, ("end", segment, len(tokens))]


def text_of(tokens: Sequence[Token], places: list[tuple[str, int, int]], channel: str, final: bool) -> str:
    last, text = places[-1][1], ""
    for segment in range(last + 1):
        data = b"".join(tokens[at] for c, s, at in places if c == channel and s == segment)  # type: ignore[misc]
        text += codecs.getincrementaldecoder("utf-8")("replace").decode(data, final or segment < last)
    return text


def starts(tokens: Sequence[Token], places: list[tuple[str, int, int]], channel: str) -> list[tuple[int, int]]:
    """(index of the token, character where its text starts) in `channel`."""
    found, base = [], 0
    for segment in range(places[-1][1] + 1):
        data = b""
        for at in [at for c, s, at in places if c == channel and s == segment]:
            token = tokens[at]
            assert isinstance(token, bytes)
            if token:  # the character that holds its first byte is the last one of the text cut after that byte
                found.append((at, base + len((data + token[:1]).decode(errors="replace")) - 1))
            else:
                found.append((at, base + len(codecs.getincrementaldecoder("utf-8")("replace").decode(data))))
            data += token
        base += len(data.decode(errors="replace"))
    return found


def reference(tokens: Sequence[Token], thinking: bool, in_reasoning: bool, stops: Sequence[str]) -> Expected:
    def matches(text: str) -> list[tuple[int, int]]:
        """(end, start) of the first occurrence of each stop."""
        return [(text.find(stop) + len(stop), text.find(stop)) for stop in stops if stop in text]

    count, final = len(tokens), True
    for k in range(1, len(tokens) + 1):
        if matches(text_of(tokens[:k], visible(tokens[:k], thinking, in_reasoning), "content", False)):
            count, final = k, False
            break
    tokens = tokens[:count]
    places = visible(tokens, thinking, in_reasoning)
    content = text_of(tokens, places, "content", final)
    found = matches(content)
    cut = min(found)[1] if found else len(content) + 1
    return Expected(
        content=content[:cut],
        reasoning=text_of(tokens, places, "reasoning", True),
        content_logprobs=[at for at, start in starts(tokens, places, "content") if start < cut],
        reasoning_logprobs=[at for at, _ in starts(tokens, places, "reasoning")],
        completion_tokens=count,
        reasoning_tokens=sum(place[0] in ("reasoning", "swallowed in reasoning") for place in places),
        stopped=bool(found),
    )


fragments = st.one_of(
    st.text(alphabet="ab \n", min_size=1, max_size=3).map(str.encode),
    st.text(alphabet="é😀\u0301\ufffd", min_size=1, max_size=2).map(str.encode),
    st.binary(min_size=1, max_size=2),
    st.sampled_from([b"\xe2", b"\x82", b"\xac", b"\xf0\x9f", b"\x98\x80", b"\xed", b"\xa0", b"\xef\xbf", b"\xbd", b""]),
)
tags = st.sampled_from(["<think>", "</think>", "<think>", "</think>", "<tool_call>", "<|im_start|>"])
outputs = st.lists(st.one_of(fragments, fragments, fragments, tags), max_size=14)
splits = st.lists(st.integers(0, 4), max_size=10)
stop_lists = st.lists(st.text(alphabet="ab \n\u0301\ufffdé", min_size=1, max_size=3), max_size=4, unique=True)


def joined(events: Sequence[Event], kind: type[ContentDelta] | type[ReasoningDelta]) -> tuple[str, list[int]]:
    deltas = [event for event in events if isinstance(event, kind)]
    return "".join(delta.text for delta in deltas), [logprob.token for delta in deltas for logprob in delta.logprobs]


@settings(derandomize=True, deadline=None, max_examples=1500)
@given(outputs, stop_lists, st.booleans(), st.booleans(), st.booleans(), st.sampled_from(["stop", "length"]), splits)
def test_any_split_into_tokens_and_pushes_gives_the_one_shot_result(
    tokens: list[Token],
    stops: list[str],
    thinking: bool,
    in_reasoning: bool,
    logprobs: bool,
    reason: Reason,
    split: list[int],
) -> None:
    tokenizer = Pieces()
    ids = tokenizer.ids(tokens)
    tokens = [tag.encode() if tag == "<tool_call>" else tag for tag in tokens]  # no tools: it is shown  # type: ignore
    expected = reference(tokens, thinking, in_reasoning, stops)
    output = ChoiceOutput(3, tokenizer, thinking=thinking, in_reasoning=in_reasoning, stop=tuple(stops))
    events: list[Event] = []
    at = 0
    for size in [*split, len(ids)]:
        finish = reason if size == len(ids) else None
        given_ = tuple(TokenLogprob(index, -1.0) for index in range(at, min(at + size, len(ids)))) if logprobs else ()
        new = output.push(TokenBatch(3, ids[at : at + size], given_, finish))
        at = min(at + size, len(ids))
        check_shape(new)
        events += new
        content = joined(events, ContentDelta)[0]
        assert expected.content.startswith(content), "something was sent that the whole does not hold"
        if output.finished:
            break
        places = visible(tokens[:at], thinking, in_reasoning)
        held = len(text_of(tokens[:at], places, "content", False)) - len(content)
        assert 0 <= held <= max(map(len, stops), default=1) - 1, "more is held than a stop can need"
        assert joined(events, ReasoningDelta)[0] == text_of(tokens[:at], places, "reasoning", False)
    assert isinstance(last := events[-1], Finish)
    assert (last.choice, last.reason) == (3, "stop" if expected.stopped else reason)
    assert last.stop in stops if expected.stopped else last.stop is None
    assert sum(isinstance(event, Finish) for event in events) == 1
    assert joined(events, ContentDelta) == (expected.content, expected.content_logprobs if logprobs else [])
    assert joined(events, ReasoningDelta) == (expected.reasoning, expected.reasoning_logprobs if logprobs else [])
    assert output.completion_tokens == expected.completion_tokens
    assert output.reasoning_tokens == expected.reasoning_tokens
    assert output.stopped_early is expected.stopped
    assert output.push(TokenBatch(3, ids, (), "stop")) == [], "nothing comes after the end"
    assert output.completion_tokens == expected.completion_tokens


def check_shape(events: list[Event]) -> None:
    """Text of one channel is merged, and nothing is empty but for its log-probabilities."""
    for at, event in enumerate(events):
        assert at == 0 or type(event) is not type(events[at - 1]), "two deltas of one channel side by side"
        if isinstance(event, ContentDelta | ReasoningDelta):
            assert event.text or event.logprobs


def push(tokens: Sequence[Token], finish: Reason | None = None, *, in_reasoning: bool = False) -> list[Event]:
    """What one push of `tokens` with thinking on gives."""
    tokenizer = Pieces()
    output = ChoiceOutput(0, tokenizer, thinking=True, in_reasoning=in_reasoning, stop=())
    return output.push(TokenBatch(0, tokenizer.ids(tokens), (), finish))


def test_the_think_tags_separate_reasoning_from_content() -> None:
    events = push(["<think>", b"hm", b"m\n", "</think>", b"\nyes", b"!"], "stop")
    assert events == [ReasoningDelta(0, "hmm\n"), ContentDelta(0, "\nyes!"), Finish(0, "stop")]


def test_a_tag_spelled_by_plain_tokens_is_text() -> None:
    assert push([b"<think>", b"a</think>"], "stop") == [ContentDelta(0, "<think>a</think>"), Finish(0, "stop")]


def test_a_prompt_that_opened_the_reasoning_is_continued() -> None:
    assert push([b"a", "</think>", b"b"], in_reasoning=True) == [ReasoningDelta(0, "a"), ContentDelta(0, "b")]


def test_reasoning_that_is_never_closed_stays_reasoning() -> None:
    assert push(["<think>", b"a"], "length") == [ReasoningDelta(0, "a"), Finish(0, "length")]


def test_a_vocabulary_without_the_tags_has_content_only() -> None:
    class Plain(ByteTokenizer):
        def control(self, name: str) -> int | None:
            return None if "think" in name else super().control(name)

    output = ChoiceOutput(0, Plain(), thinking=True, in_reasoning=True, stop=())
    assert output.push(TokenBatch(0, (97,))) == [ContentDelta(0, "a")]
    assert output.reasoning_tokens == 0


def test_a_character_cut_by_a_tag_is_not_completed_on_the_other_side() -> None:
    euro = "€".encode()
    events = push(["<think>", euro[:2], "</think>", euro[2:]], "stop")
    assert events == [ReasoningDelta(0, "\ufffd"), ContentDelta(0, "\ufffd"), Finish(0, "stop")]


def test_tags_that_the_vocabulary_does_not_mark_as_control_are_tags_all_the_same() -> None:
    class Unmarked(ByteTokenizer):
        def is_control(self, token: int) -> bool:
            return False

    output = ChoiceOutput(0, Unmarked(), thinking=True, in_reasoning=False, stop=())
    events = output.push(TokenBatch(0, (259, 97, 260, 98)))
    assert events == [ReasoningDelta(0, "a"), ContentDelta(0, "b")]


def test_an_incomplete_character_at_the_limit_can_still_complete_a_stop() -> None:
    tokenizer = Pieces()
    output = ChoiceOutput(0, tokenizer, thinking=False, in_reasoning=False, stop=("\ufffd",))
    events = output.push(TokenBatch(0, tokenizer.ids([b"a", b"\xe2"]), (), "length"))
    assert events == [ContentDelta(0, "a"), Finish(0, "stop", "\ufffd")]
    assert output.stopped_early


def test_a_token_without_text_at_the_very_end_keeps_its_log_probability() -> None:
    tokenizer = Pieces()
    output = ChoiceOutput(0, tokenizer, thinking=False, in_reasoning=False, stop=())
    given_ = TokenLogprob(7, -1.0)
    assert output.push(TokenBatch(0, tokenizer.ids([b""]), (given_,))) == []
    assert output.push(TokenBatch(0, (), (), "stop")) == [ContentDelta(0, "", (given_,)), Finish(0, "stop")]


def test_a_stop_completed_in_the_middle_of_a_push_ends_the_choice_there() -> None:
    tokenizer = Pieces()
    output = ChoiceOutput(0, tokenizer, thinking=False, in_reasoning=False, stop=("END",))
    assert output.push(TokenBatch(0, tokenizer.ids([b"ok E", b"ND more", b"lost"]), (), "length")) == [
        ContentDelta(0, "ok "),
        Finish(0, "stop", "END"),
    ]
    assert (output.completion_tokens, output.stopped_early, output.finished) == (2, True, True)


def test_log_probabilities_of_a_stop_match_are_never_given() -> None:
    tokenizer = Pieces()
    output = ChoiceOutput(0, tokenizer, thinking=False, in_reasoning=False, stop=("END",))
    given_ = [TokenLogprob(index, -1.0) for index in range(4)]
    ids = tokenizer.ids([b"a", b"bE", b"N", b"D"])
    events = [
        e for id_, logprob in zip(ids, given_, strict=True) for e in output.push(TokenBatch(0, (id_,), (logprob,)))
    ]
    assert events == [ContentDelta(0, "a", (given_[0],)), ContentDelta(0, "b", (given_[1],)), Finish(0, "stop", "END")]
