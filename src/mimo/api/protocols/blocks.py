"""The events of one choice as blocks: runs of reasoning, of text, and calls, in the order in which they came.

Anthropic's messages and the Responses API are made of such blocks, whole or streamed; both forms come from here, so a
stream joined together is the answer that is not streamed. Knows no wire format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from mimo.types import CompleteCall, ContentDelta, Event, Finish, ReasoningDelta, TokenLogprob, Usage

Kind = Literal["reasoning", "content", "call"]


@dataclass(slots=True)
class Block:
    """Block number `index`. `id` and `name` are those of a call, and its text is JSON."""

    index: int
    kind: Kind
    id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All of its text so far."""
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Move:
    """What happened to a block: it opened, got the text of `delta`, or closed."""

    what: Literal["open", "delta", "close"]
    block: Block
    delta: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()


_KINDS: Mapping[type[object], Kind] = {ReasoningDelta: "reasoning", ContentDelta: "content"}


class Blocks:
    """Collects the blocks of an answer; `moves` gives what each batch of events did to them."""

    def __init__(self) -> None:
        self.all: list[Block] = []
        self.finish = Finish(0, "stop")
        self.usage = Usage(0, 0, 0, 0)
        self._open: Block | None = None

    def add(self, events: Iterable[Event]) -> None:
        """Take the next batch of a whole answer."""
        for _ in self.moves(events):
            pass

    def grow(self, event: Event) -> str | None:
        """Fast path: append to the open block and return the text; None if the event does anything else."""
        kind = _KINDS.get(type(event))
        if kind is None or self._open is None or self._open.kind != kind:
            return None
        assert isinstance(event, ReasoningDelta | ContentDelta)
        if event.logprobs:
            return None
        self._open.pieces.append(event.text)
        return event.text

    def moves(self, events: Iterable[Event]) -> Iterator[Move]:
        """Take the next batch, and say what it did. The last block closes with `Finish`."""
        for event in events:
            match event:
                case ReasoningDelta(_, text, logprobs):
                    yield from self._text("reasoning", text, logprobs)
                case ContentDelta(_, text, logprobs):
                    yield from self._text("content", text, logprobs)
                case CompleteCall(_, _, id, name, arguments):
                    yield from self._begin(Block(len(self.all), "call", id, name))
                    yield self._more(arguments, ())
                case Finish():
                    self.finish = event
                    yield from self._close()
                case Usage():
                    self.usage = event

    def _text(self, kind: Kind, text: str, logprobs: tuple[TokenLogprob, ...]) -> Iterator[Move]:
        if self._open is None or self._open.kind != kind:
            yield from self._begin(Block(len(self.all), kind))
        yield self._more(text, logprobs)

    def _begin(self, block: Block) -> Iterator[Move]:
        yield from self._close()
        self._open = block
        self.all.append(block)
        yield Move("open", block)

    def _more(self, text: str, logprobs: tuple[TokenLogprob, ...]) -> Move:
        assert self._open is not None
        self._open.pieces.append(text)
        self._open.logprobs += logprobs
        return Move("delta", self._open, text, logprobs)

    def _close(self) -> Iterator[Move]:
        if self._open is not None:
            closed, self._open = self._open, None
            yield Move("close", closed)
