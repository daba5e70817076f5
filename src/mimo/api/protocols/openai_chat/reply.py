"""Events → the chat completions response, when it is not streamed (contract section 4).

What the streamed form shares with it is here too: `Reply`. Knows the wire format; no engine and no socket.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable

import msgspec

from mimo.api.protocols.base import Body
from mimo.api.protocols.openai import usage, wire_logprobs
from mimo.api.protocols.openai_chat.functions import FINISH
from mimo.types import CompleteCall, ContentDelta, Event, Finish, FinishReason, ReasoningDelta, TokenLogprob, Usage

Logprob = dict[str, object]
_encode = msgspec.json.encode


class Reply:
    """What all parts of one answer share. `piece(token)` gives a token's bytes. `functions`: calls
    have the older form."""

    def __init__(
        self,
        model: str,
        fingerprint: str,
        choices: int,
        thinking: bool,
        piece: Callable[[int], bytes],
        *,
        functions: bool = False,
    ) -> None:
        self.functions = functions
        self.id = f"chatcmpl-{os.urandom(16).hex()}"
        self.created = int(time.time())
        self.model = model
        self.fingerprint = fingerprint
        self.choices = choices
        self.thinking = thinking
        self.piece = piece

    def head(self, kind: str) -> dict[str, object]:
        """The fields every object of this answer begins with."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
        }

    def reason(self, reason: FinishReason) -> str:
        """Why a choice ended."""
        return FINISH if self.functions and reason == "tool_calls" else reason

    def logprobs(self, given: Iterable[TokenLogprob]) -> list[Logprob]:
        """In OpenAI's form."""
        return wire_logprobs(given, self.piece)


class Whole(Body):
    """Collects the events of an answer into one response."""

    def __init__(self, reply: Reply, logprobs: bool) -> None:
        self._reply = reply
        self._wanted = logprobs
        self._content: list[list[str]] = [[] for _ in range(reply.choices)]
        self._reasoning: list[list[str]] = [[] for _ in range(reply.choices)]
        self._logprobs: list[dict[str, list[Logprob]]] = [
            {"content": [], "reasoning_content": []} for _ in range(reply.choices)
        ]
        self._calls: list[list[dict[str, object]]] = [[] for _ in range(reply.choices)]
        self._reasons = ["stop"] * reply.choices
        self._usage = Usage(0, 0, 0, 0)

    def add(self, events: Iterable[Event]) -> None:
        """Take the next batch."""
        for event in events:
            match event:
                case ContentDelta(choice, text, logprobs):
                    self._content[choice].append(text)
                    if logprobs:
                        self._logprobs[choice]["content"] += self._reply.logprobs(logprobs)
                case ReasoningDelta(choice, text, logprobs):
                    self._reasoning[choice].append(text)
                    if logprobs:
                        self._logprobs[choice]["reasoning_content"] += self._reply.logprobs(logprobs)
                case CompleteCall(choice, _, id, name, arguments):
                    function = {"name": name, "arguments": arguments}
                    self._calls[choice].append({"id": id, "type": "function", "function": function})
                case Finish(choice, reason):
                    self._reasons[choice] = self._reply.reason(reason)
                case Usage():
                    self._usage = event

    def body(self) -> bytes:
        """The response as JSON."""
        choices = [self._choice(index) for index in range(self._reply.choices)]
        return _encode({**self._reply.head("chat.completion"), "choices": choices, "usage": usage(self._usage)})

    def _choice(self, index: int) -> dict[str, object]:
        reasoning = "".join(self._reasoning[index])
        message: dict[str, object] = {
            "role": "assistant",
            "content": "".join(self._content[index]),
            "refusal": None,
            "annotations": [],
            "reasoning_content": reasoning if self._reply.thinking or reasoning else None,
            "tool_calls": self._calls[index] or None,
        }
        if self._reply.functions:
            del message["tool_calls"]
            message["function_call"] = self._calls[index][0]["function"] if self._calls[index] else None
        logprobs: dict[str, object] | None = None
        if self._wanted:
            logprobs = {"content": self._logprobs[index]["content"], "refusal": None}
            if self._reply.thinking:
                logprobs["reasoning_content"] = self._logprobs[index]["reasoning_content"]
        return {"index": index, "finish_reason": self._reasons[index], "message": message, "logprobs": logprobs}
