"""Events → the chunks of a streamed chat completion (contract section 4).

Made from the same events as the whole response, so that a stream joined together is that response. The path of every
token: a chunk is bytes made ahead and one JSON string. Knows the wire format; knows no engine and no socket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from mimo.api.protocols.base import Frames
from mimo.api.protocols.openai import usage
from mimo.api.protocols.openai_chat.reply import Reply
from mimo.api.sse import DONE, Template, frame
from mimo.types import CompleteCall, ContentDelta, Echo, Event, Finish, ReasoningDelta, Usage

_encode = msgspec.json.encode


class Chunks(Frames):
    """Frames of a streamed answer: templates made once, one JSON string filled in per chunk. `counted`: where every
    chunk is to have the counts so far, what gives them."""

    def __init__(self, reply: Reply, include_usage: bool, counted: Callable[[], Usage] | None = None) -> None:
        self._reply = reply
        self._counted = counted
        self._include_usage = include_usage
        self._head = _encode(reply.head("chat.completion.chunk"))[:-1]
        self._content = [self._template(index, b'"content":') for index in range(reply.choices)]
        self._reasoning = [self._template(index, b'"reasoning_content":') for index in range(reply.choices)]

    def first(self, prompt_tokens: int = 0) -> bytes:
        """The chunks that open every choice."""
        opening = b'"role":"assistant","content":""'
        return b"".join(frame(self._chunk(index, opening)) for index in range(self._reply.choices))

    def frames(self, events: Iterable[Event]) -> bytes:
        """The frames of a batch, ready for one write."""
        parts: list[bytes] = []
        for event in events:
            if self._counted is not None:
                parts.append(self._rare(event))
            elif type(event) is ContentDelta and not event.logprobs:
                parts.append(self._content[event.choice].fill(event.text))
            elif type(event) is ReasoningDelta and not event.logprobs:
                parts.append(self._reasoning[event.choice].fill(event.text))
            else:
                parts.append(self._rare(event))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _rare(self, event: Event) -> bytes:
        """Everything that is not plain text, encoded in full."""
        match event:
            case ContentDelta(choice, text, logprobs):
                fields = {"content": self._reply.logprobs(logprobs), "refusal": None} if logprobs else None
                return frame(self._chunk(choice, b'"content":' + _encode(text), logprobs=_encode(fields)))
            case ReasoningDelta(choice, text, logprobs):
                given = self._reply.logprobs(logprobs)
                fields = {"content": None, "refusal": None, "reasoning_content": given} if logprobs else None
                return frame(self._chunk(choice, b'"reasoning_content":' + _encode(text), logprobs=_encode(fields)))
            case CompleteCall(choice):
                if self._reply.functions:
                    parts = ({"name": event.name, "arguments": ""}, {"arguments": event.arguments})
                    return b"".join(frame(self._chunk(choice, b'"function_call":' + _encode(part))) for part in parts)
                head, arguments = call_deltas(event)
                return self._call(choice, head) + self._call(choice, arguments)
            case Finish(choice, reason):
                return frame(self._chunk(choice, b"", reason=_encode(self._reply.reason(reason))))
            case Echo():
                return b""  # a conversation is not repeated
            case Usage():
                if not self._include_usage:
                    return DONE
                return frame(self._head + b',"choices":[],"usage":' + _encode(usage(event)) + b"}") + DONE

    def _call(self, choice: int, delta: dict[str, object]) -> bytes:
        return frame(self._chunk(choice, b'"tool_calls":[%b]' % _encode(delta)))

    def _template(self, index: int, key: bytes) -> Template:
        before, after = self._chunk(index, key + b"\0").split(b"\0")
        return Template(before, after)

    def _chunk(self, index: int, delta: bytes, reason: bytes = b"null", logprobs: bytes = b"null") -> bytes:
        counts = b"" if self._counted is None else b',"usage":' + _encode(usage(self._counted()))
        return b'%b,"choices":[{"index":%d,"delta":{%b},"logprobs":%b,"finish_reason":%b}]%b}' % (
            self._head, index, delta, logprobs, reason, counts,
        )  # fmt: skip


def call_deltas(call: CompleteCall) -> tuple[dict[str, object], dict[str, object]]:
    """A call as the two elements of `tool_calls` that clients know from OpenAI: id and name, then the arguments."""
    head = {"name": call.name, "arguments": ""}
    return (
        {"index": call.index, "id": call.id, "type": "function", "function": head},
        {"index": call.index, "function": {"arguments": call.arguments}},
    )
