"""Events → the events of a streamed Anthropic message (contract section 7).

    message_start ping (content_block_start content_block_delta… content_block_stop)… message_delta message_stop

Made from the same blocks as the whole message. Knows the wire format; no engine and no socket.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from mimo.api.protocols.anthropic_messages.errors import ANTHROPIC
from mimo.api.protocols.anthropic_messages.reply import Message, block_object, stop, usage
from mimo.api.protocols.base import Frames
from mimo.api.protocols.blocks import Block, Blocks, Kind, Move
from mimo.api.sse import Template, event
from mimo.types import Event, Usage

_DELTAS: dict[Kind, tuple[str, str]] = {
    "reasoning": ("thinking_delta", "thinking"),
    "content": ("text_delta", "text"),
    "call": ("input_json_delta", "partial_json"),
}


class MessageEvents(Frames):
    """Frames of a streamed message: one template a block, one JSON string filled in per delta."""

    errors = ANTHROPIC

    def __init__(self, message: Message) -> None:
        self._message = message
        self._blocks = Blocks()
        self._template = Template(b"", b"")

    def first(self, prompt_tokens: int) -> bytes:
        """What opens the stream. What of the prompt was cached is known at the end only."""
        begun = self._message.wire([], None, Usage(prompt_tokens, 0, 0, 0))
        return _event("message_start", message=begun) + _event("ping")

    def frames(self, events: Iterable[Event]) -> bytes:
        """The frames of a batch, ready for one write."""
        parts: list[bytes] = []
        for one in events:
            if (text := self._blocks.grow(one)) is not None:
                parts.append(self._template.fill(text))
                continue
            parts += [self._frame(move) for move in self._blocks.moves([one])]
            if isinstance(one, Usage):
                parts += [_event("message_delta", delta=stop(self._blocks.finish), usage=usage(one))]
                parts += [_event("message_stop")]
        return b"".join(parts)

    def _frame(self, move: Move) -> bytes:
        index = move.block.index
        if move.what == "delta":
            return self._template.fill(move.delta)
        if move.what == "close":
            return _event("content_block_stop", index=index)
        self._template = _delta(move.block)
        return _event("content_block_start", index=index, content_block=block_object(move.block))


def _delta(block: Block) -> Template:
    """The frame of a piece of `block`."""
    kind, name = _DELTAS[block.kind]
    before = f'{{"type":"content_block_delta","index":{block.index},"delta":{{"type":"{kind}","{name}":'
    return Template(before.encode(), b"}}", "content_block_delta")


def _event(name: str, **fields: object) -> bytes:
    return event(name, msgspec.json.encode({"type": name, **fields}))
