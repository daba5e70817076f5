"""The sampled tokens of one choice → events: what a client may see of them, and how many there were.

    token → control token? → reasoning | content | call → whole characters → stop (content only) → deltas, one Finish

Control tokens are never text, but for the markers of a call where they delimit none: what follows them is shown, so
they are too. Knows no engine and no wire format; `calls.py` decides what belongs to a call.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mimo.calls import call_parser
from mimo.calls.spelled import SpelledMarker
from mimo.output.calls import Buffered, Calls
from mimo.output.channel import Channel
from mimo.output.reasoning import Reasoning
from mimo.output.repetition import Repetition
from mimo.output.text import whole_texts
from mimo.tokenizers.base import Tokenizer
from mimo.types import (
    CALL,
    CompleteCall,
    ContentDelta,
    Event,
    Finish,
    FinishReason,
    Markers,
    ReasoningDelta,
    TokenBatch,
    TokenLogprob,
    Tool,
)

_NO_TOKEN, _TEXT_TOKEN = -1, -2
"""In place of a marker that the vocabulary lacks, and of a piece of text that is no token."""


class ChoiceOutput:
    """The output of choice number `choice`. `in_reasoning`: the prompt left a `<think>` open. `tools`: those offered to
    the model, whose calls stand between `markers`, control tokens or `spelled` out as text; with `parallel` off the
    first call ends the choice, with `repetition_truncation` on a loop does. `given`: tokens it has had already."""

    __slots__ = (
        "_calls", "_channel", "_content", "_marker", "_parallel", "_piece", "_reasoning", "_repetition",
        "_spelled", "_texts", "_thoughts", "choice", "completion_tokens", "finished", "stopped_early",
    )  # fmt: skip

    def __init__(
        self,
        choice: int,
        tokenizer: Tokenizer,
        *,
        thinking: bool,
        in_reasoning: bool,
        stop: tuple[str, ...],
        tools: Sequence[Tool] = (),
        markers: Markers = CALL,
        spelled: bool = False,
        parallel: bool = True,
        repetition_truncation: bool = True,
        given: int = 0,
    ) -> None:
        self.choice = choice
        self.finished = False
        """Whether `Finish` was given; nothing comes after it."""
        self.stopped_early = False
        """Whether the choice ended before the engine did, so that the engine should close it."""
        self.completion_tokens = given
        """All sampled tokens, tags included, up to and with the one that ended the choice."""
        self._piece = tokenizer.piece
        self._texts = whole_texts(tokenizer)
        self._reasoning = Reasoning(
            tokenizer, thinking=thinking, in_reasoning=in_reasoning, calls=bool(tools), markers=markers
        )
        opens = self._reasoning.call_opens
        parser = partial(call_parser, markers, tools)
        self._calls = None
        if tools and (spelled or opens is not None):
            self._calls = Calls(choice, _NO_TOKEN if opens is None else opens, parser)
        self._marker = markers.opens.encode()
        self._spelled = SpelledMarker(markers.opens) if tools and spelled else None
        self._parallel = parallel
        self._repetition = Repetition() if repetition_truncation else None
        self._thoughts = Channel(ReasoningDelta)
        self._content = Channel(ContentDelta, stop)
        self._channel = self._thoughts if self._reasoning.inside else self._content

    @property
    def reasoning_tokens(self) -> int:
        """Tokens sampled between the tags; part of `completion_tokens`."""
        return self._reasoning.tokens

    def push(self, sampled: TokenBatch) -> list[Event]:
        """The events that `sampled` gives: text of one channel merged, the last one of the choice a `Finish`."""
        events: list[Event] = []
        if self.finished:
            return events
        if (delta := self._plain(sampled)) is not None:
            events.append(delta)
            if self._repetition is not None and self._repetition.push(sampled.tokens[0]):
                self._end_early(events, "repetition_truncation")
            return events
        for at, token in enumerate(sampled.tokens):
            self.completion_tokens += 1
            self._take(token, sampled.logprobs[at] if sampled.logprobs else None, events)
            if (reason := self._ends(token)) is not None:
                self._end_early(events, reason)
                return events
        if sampled.finish is not None:
            self._finish(events, sampled.finish)
        else:
            self._drain(self._channel, events)
        return events

    def _plain(self, sampled: TokenBatch) -> ContentDelta | ReasoningDelta | None:
        """The delta of one ordinary token with nothing about it, which most are; None for the long way of `push`."""
        if self._calls is not None or len(sampled.tokens) != 1 or sampled.finish is not None or sampled.logprobs:
            return None
        token = sampled.tokens[0]
        if not (text := self._texts[token]) or (delta := self._channel.at_once(self.choice, text)) is None:
            return None
        self.completion_tokens += 1
        reasoning = self._reasoning
        if reasoning.inside or not reasoning.answered:
            reasoning.text(self._piece(token))
        return delta

    def _take(self, token: int, logprob: TokenLogprob | None, events: list[Event]) -> None:
        """Bring one token where it belongs: an open call, the switch between the channels, or text."""
        if self._calls is not None and self._calls.open and self._spelled is None:
            self._send(self._calls.push(token, self._piece(token), logprob), events)
        elif self._reasoning.is_control(token) and not (self._calls is not None and self._calls.open):
            self._control(token, logprob, events)
        else:
            piece = self._piece(token)
            self._reasoning.text(piece)
            if self._spelled is None or self._reasoning.inside:
                self._text(token, piece, logprob, events)
            else:
                self._read(self._spelled, piece, logprob, events)

    def _read(self, spelled: SpelledMarker, piece: bytes, logprob: TokenLogprob | None, events: list[Event]) -> None:
        """Text in which calls are spelled out: byte by byte within one, so that what follows it is looked at again."""
        calls = self._calls
        assert calls is not None
        while piece and (self._parallel or not calls.count):
            if calls.open:
                self._send(calls.push(_TEXT_TOKEN, piece[:1], None), events)
                piece = piece[1:]
                continue
            text, rest = spelled.push(piece, logprob)
            for part, known in text:
                self._text(_TEXT_TOKEN, part, known, events)
            if rest:
                calls.begin(self._marker, None)
            piece, logprob = rest[len(self._marker) :], None

    def _control(self, token: int, logprob: TokenLogprob | None, events: list[Event]) -> None:
        reasoning = self._reasoning
        if reasoning.control(token):
            self._switch(events)
        if token == reasoning.call_opens and self._calls is not None:
            self._calls.begin(self._piece(token), logprob)
        elif token == reasoning.call_opens or token == reasoning.call_closes:
            self._text(token, self._piece(token), logprob, events)

    def _text(self, token: int, piece: bytes, logprob: TokenLogprob | None, events: list[Event]) -> None:
        """Text outside of calls; after one it may be white space that is none."""
        if self._calls is not None and self._calls.holding:
            self._send(self._calls.push(token, piece, logprob), events)
        else:
            self._channel.push(piece, logprob)

    def _ends(self, token: int) -> FinishReason | None:
        """Why the choice ends after `token`, if it does so before the engine ends it."""
        calls = self._calls
        if self._content.stopped or (not self._parallel and calls is not None and calls.count):
            return "stop"
        if self._repetition is not None and self._repetition.push(token):
            return "repetition_truncation"
        return None

    def _send(self, found: tuple[list[CompleteCall], Buffered], events: list[Event]) -> None:
        """Send calls, after the content that came before them; and text that came after."""
        calls, text = found
        if calls:
            self._channel.leave()
            self._drain(self._channel, events)
            events += calls
        for piece, logprob in text:
            if not self._channel.stopped:
                self._channel.push(piece, logprob)

    def _drain(self, channel: Channel, events: list[Event]) -> None:
        """Append what is ready, to the last delta if that is of the same channel."""
        if (delta := channel.drain(self.choice)) is None:
            return
        last = events[-1] if events else None
        if isinstance(last, ContentDelta | ReasoningDelta) and type(last) is type(delta):
            events[-1] = type(delta)(self.choice, last.text + delta.text, last.logprobs + delta.logprobs)
        else:
            events.append(delta)

    def _switch(self, events: list[Event]) -> None:
        self._channel.leave()
        self._drain(self._channel, events)
        self._channel = self._thoughts if self._reasoning.inside else self._content

    def _end_early(self, events: list[Event], reason: FinishReason) -> None:
        self.stopped_early = True
        self._finish(events, reason)

    def _finish(self, events: list[Event], reason: FinishReason) -> None:
        """Flush the open call and both channels, the one in use first. What is flushed may still complete a stop."""
        calls = self._calls
        if self._spelled is not None:
            for piece, logprob in self._spelled.end():
                self._text(_TEXT_TOKEN, piece, logprob, events)
        if calls is not None and not self._content.stopped:
            self._send(calls.end(cut=reason != "stop"), events)
        for channel in (self._thoughts, self._content):
            channel.end()
            self._drain(channel, events)
        self.stopped_early |= self._content.stopped
        self.finished = True
        if self._content.stopped:
            reason = "stop"
        if reason == "stop" and calls is not None and calls.count:
            reason = "tool_calls"
        events.append(Finish(self.choice, reason, self._content.stop))
