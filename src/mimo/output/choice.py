"""The sampled tokens of one choice → events: what a client may see of them, and how many there were.

    token → control token? → reasoning | content → whole characters → stop (content only) → deltas, then one Finish

Control tokens are never text. Knows no engine and no wire format; tool calls are not told apart yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mimo.chat.tokenizer import Tokenizer
from mimo.output.channel import Channel
from mimo.output.reasoning import Reasoning
from mimo.types import ContentDelta, Event, Finish, FinishReason, ReasoningDelta

if TYPE_CHECKING:
    from mimo.engines.base import Sampled


class ChoiceOutput:
    """The output of choice number `choice`. `in_reasoning`: the prompt left a `<think>` open."""

    __slots__ = (
        "_channel", "_content", "_is_control", "_piece", "_reasoning", "_thoughts",
        "choice", "completion_tokens", "finished", "stopped_early",
    )  # fmt: skip

    def __init__(
        self, choice: int, tokenizer: Tokenizer, *, thinking: bool, in_reasoning: bool, stop: tuple[str, ...]
    ) -> None:
        self.choice = choice
        self.finished = False
        """Whether `Finish` was given; nothing comes after it."""
        self.stopped_early = False
        """Whether a stop string matched, so that the engine should close the choice."""
        self.completion_tokens = 0
        """All sampled tokens, tags included, up to and with the one that completed a stop match."""
        self._piece = tokenizer.piece
        self._is_control = tokenizer.is_control
        self._reasoning = Reasoning(tokenizer, thinking=thinking, in_reasoning=in_reasoning)
        self._thoughts = Channel(ReasoningDelta)
        self._content = Channel(ContentDelta, stop)
        self._channel = self._thoughts if self._reasoning.inside else self._content

    @property
    def reasoning_tokens(self) -> int:
        """Tokens sampled between the tags; part of `completion_tokens`."""
        return self._reasoning.tokens

    def push(self, sampled: Sampled) -> list[Event]:
        """The events that `sampled` gives: text of one channel merged, the last one of the choice a `Finish`."""
        events: list[Event] = []
        if self.finished:
            return events
        logprobs, reasoning = sampled.logprobs, self._reasoning
        for at, token in enumerate(sampled.tokens):
            self.completion_tokens += 1
            if self._is_control(token) or token == reasoning.opens or token == reasoning.closes:
                if reasoning.control(token):
                    self._switch(events)
            else:
                piece = self._piece(token)
                reasoning.text(piece)
                self._channel.push(piece, logprobs[at] if logprobs else None)
            if self._content.stopped:
                self._finish(events, "stop")
                return events
        if sampled.finish is not None:
            self._finish(events, sampled.finish)
        else:
            self._drain(self._channel, events)
        return events

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

    def _finish(self, events: list[Event], reason: FinishReason) -> None:
        """Flush both channels, the one in use first. What is flushed may still complete a stop (one with U+FFFD)."""
        for channel in (self._thoughts, self._content):
            channel.end()
            self._drain(channel, events)
        self.stopped_early = self._content.stopped
        self.finished = True
        events.append(Finish(self.choice, "stop" if self.stopped_early else reason))
