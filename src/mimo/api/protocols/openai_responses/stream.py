"""Events → the events of a streamed response, each with its `sequence_number`.

    response.created response.in_progress
    (output_item.added content_part.added …delta… …done content_part.done output_item.done)…
    response.completed | incomplete | failed

Made from the same blocks as the whole response. Knows the wire format; no engine and no socket.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from mimo.api.envelope import message_of
from mimo.api.protocols.base import Frames
from mimo.api.protocols.blocks import Block, Blocks, Kind, Move
from mimo.api.protocols.openai_responses.reply import Response
from mimo.api.sse import event, one_line
from mimo.contract.errors import ApiError
from mimo.types import Event, Finish, Usage

_DELTAS: dict[Kind, str] = {
    "reasoning": "response.reasoning_text",
    "content": "response.output_text",
    "call": "response.function_call_arguments",
}


class ResponseEvents(Frames):
    """The frames of a streamed response."""

    def __init__(self, response: Response) -> None:
        self._response = response
        self._blocks = Blocks()
        self._sequence = 0
        self._before = b""

    def first(self, prompt_tokens: int = 0) -> bytes:
        """What opens the stream."""
        begun = self._response.begun()
        return self._event("response.created", response=begun) + self._event("response.in_progress", response=begun)

    def frames(self, events: Iterable[Event]) -> bytes:
        """The frames of a batch, ready for one write."""
        parts: list[bytes] = []
        for one in events:
            if (text := self._blocks.grow(one)) is not None:
                parts.append(self._grown(text))
                continue
            if isinstance(one, Finish):
                self._blocks.finish = one  # before the last block closes: its status depends on it
            for move in self._blocks.moves([one]):
                parts += self._frames(move)
            if isinstance(one, Usage):
                ended = self._response.ended(self._blocks)
                parts.append(self._event(f"response.{ended['status']}", response=ended))
        return b"".join(parts)

    def _grown(self, text: str) -> bytes:
        number, self._sequence = self._sequence, self._sequence + 1
        return b'%b%b,"sequence_number":%d}\n\n' % (self._before, one_line(msgspec.json.encode(text)), number)

    def error_frame(self, error: ApiError, request_id: str) -> bytes:
        """What ends the stream when it fails: the error, and the response so far."""
        message = message_of(error, request_id)
        fields = {"code": error.code, "message": message, "param": error.param}
        response = self._response.failed(self._blocks, error, message)
        return self._event("error", **fields, error={**fields, "type": "error"}) + self._event(
            "response.failed", response=response
        )

    def _frames(self, move: Move) -> Iterator[bytes]:
        block, response = move.block, self._response
        where: dict[str, object] = {"item_id": response.item(block, "in_progress")["id"], "output_index": block.index}
        inner = where if block.kind == "call" else {**where, "content_index": 0}
        name = "response.custom_tool_call_input" if response.origin(block).custom else _DELTAS[block.kind]
        if move.what == "delta" and block.kind == "call":
            yield self._event(f"{name}.delta", **inner, delta=response.call_text(block))
        elif move.what == "delta":
            more = {"logprobs": response.logprobs(move.logprobs)} if block.kind == "content" else {}
            yield self._event(f"{name}.delta", **inner, delta=move.delta, **more)
        elif move.what == "open":
            added = response.item(block, "in_progress")
            yield self._event("response.output_item.added", output_index=block.index, item=added)
            if block.kind != "call":
                self._before = _before(f"{name}.delta", inner, block.kind)
                yield self._event("response.content_part.added", **inner, part=response.part(block, "", []))
        else:
            yield from self._close(block, inner, name)

    def _close(self, block: Block, inner: dict[str, object], name: str) -> Iterator[bytes]:
        response = self._response
        if block.kind == "call":
            origin, text = response.origin(block), response.call_text(block)
            said = {"input": text} if origin.custom else {"name": origin.name, "arguments": text}
            yield self._event(f"{name}.done", **inner, **said)
        else:
            more = {"logprobs": response.logprobs(block.logprobs)} if block.kind == "content" else {}
            yield self._event(f"{name}.done", **inner, text=block.text, **more)
            part = response.part(block, block.text, block.logprobs)
            yield self._event("response.content_part.done", **inner, part=part)
        item = response.item(block, response.status(block, self._blocks))
        yield self._event("response.output_item.done", output_index=block.index, item=item)

    def _event(self, name: str, /, **fields: object) -> bytes:
        number, self._sequence = self._sequence, self._sequence + 1
        return event(name, msgspec.json.encode({"type": name, "sequence_number": number, **fields}))


def _before(name: str, inner: dict[str, object], kind: Kind) -> bytes:
    """What stands before the text in the frame of a piece of a block; after it comes the number."""
    more: dict[str, object] = {"logprobs": []} if kind == "content" else {}
    head = msgspec.json.encode({"type": name, **inner, **more})[:-1]
    return b'event: %b\ndata: %b,"delta":' % (name.encode(), head)
