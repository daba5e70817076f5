"""Blocks → the response object of POST /v1/responses, whole or as its streamed events hold it.

Knows the wire format; no engine and no socket.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping

import msgspec

from mimo.api.protocols.base import Body
from mimo.api.protocols.blocks import Block, Blocks
from mimo.api.protocols.openai import wire_logprobs
from mimo.api.protocols.openai_responses.echo import echo
from mimo.api.protocols.openai_responses.request import ResponsesRequest
from mimo.api.protocols.openai_responses.tools import INPUT, Origin
from mimo.contract.errors import ApiError
from mimo.types import Event, FinishReason, TokenLogprob, Usage

_INCOMPLETE: Mapping[FinishReason, str] = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
    "repetition_truncation": "repetition_truncation",
}
_TYPES = {"reasoning": ("reasoning", "rs"), "content": ("message", "msg")}
"""The type of an item that is no call, and how its id begins."""
Wire = dict[str, object]


class Response:
    """What all parts of one answer share. `piece(token)` gives a token's bytes."""

    def __init__(self, decoded: ResponsesRequest, piece: Callable[[int], bytes]) -> None:
        self._key = os.urandom(12).hex()
        self._created = int(time.time())
        self._piece = piece
        self._echo = echo(decoded)
        self._origins = decoded.tools.origins

    def begun(self) -> Wire:
        """The response when nothing has come yet."""
        return self._response("in_progress", [], None)

    def ended(self, blocks: Blocks) -> Wire:
        """The response when all has come."""
        reason = _INCOMPLETE.get(blocks.finish.reason)
        response = self._response("incomplete" if reason else "completed", self._output(blocks), blocks.usage)
        if reason:
            response["incomplete_details"] = {"reason": reason}
        else:
            response["completed_at"] = int(time.time())
        return response

    def failed(self, blocks: Blocks, error: ApiError, message: str) -> Wire:
        """The response when `error` ended it."""
        items = [self.item(block, "incomplete") for block in blocks.all]
        return {**self._response("failed", items, None), "error": {"code": error.code, "message": message}}

    def item(self, block: Block, status: str) -> Wire:
        """One output item; empty while it is in progress."""
        origin = self.origin(block)
        kind, prefix = ("custom_tool_call", "ctc") if origin.custom else ("function_call", "fc")
        if block.kind != "call":
            kind, prefix = _TYPES[block.kind]
        head: Wire = {"id": f"{prefix}_{self._key}{block.index:02x}", "type": kind}
        empty = status == "in_progress"
        if block.kind == "call":
            whose = {"namespace": origin.namespace} if origin.namespace else {}
            text = {"input" if origin.custom else "arguments": "" if empty else self.call_text(block)}
            return {**head, "call_id": block.id, "name": origin.name, **whose, **text, "status": status}
        parts = [] if empty else [self.part(block, block.text, block.logprobs)]
        if block.kind == "reasoning":
            return {**head, "summary": [], "content": parts, "status": status}
        return {**head, "status": status, "role": "assistant", "content": parts}

    def origin(self, block: Block) -> Origin:
        """The client's tool that a call calls."""
        return self._origins.get(block.name) or Origin(block.name)

    def call_text(self, block: Block) -> str:
        """The arguments of a call as JSON, or what is written to a custom tool."""
        if not self.origin(block).custom:
            return block.text
        text = msgspec.json.decode(block.text).get(INPUT, "")
        return text if isinstance(text, str) else msgspec.json.encode(text).decode()

    def part(self, block: Block, text: str, logprobs: list[TokenLogprob]) -> Wire:
        """The one part of reasoning or a message."""
        if block.kind == "reasoning":
            return {"type": "reasoning_text", "text": text}
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": self.logprobs(logprobs)}

    def logprobs(self, given: list[TokenLogprob] | tuple[TokenLogprob, ...]) -> list[Wire]:
        """In this API's form."""
        return wire_logprobs(given, self._piece)

    def status(self, block: Block, blocks: Blocks) -> str:
        """Whether `block` came to its end: what the limit cut is the last one."""
        cut = blocks.finish.reason in _INCOMPLETE and block is blocks.all[-1]
        return "incomplete" if cut else "completed"

    def _output(self, blocks: Blocks) -> list[Wire]:
        return [self.item(block, self.status(block, blocks)) for block in blocks.all]

    def _response(self, status: str, output: list[Wire], counted: Usage | None) -> Wire:
        return {
            "id": f"resp_{self._key}",
            "object": "response",
            "created_at": self._created,
            "completed_at": None,
            "status": status,
            "error": None,
            "incomplete_details": None,
            **self._echo,
            "output": output,
            "usage": None if counted is None else usage(counted),
        }


class Whole(Body):
    """Collects the events of an answer into one response."""

    def __init__(self, response: Response) -> None:
        self._response = response
        self._blocks = Blocks()

    def add(self, events: Iterable[Event]) -> None:
        """Take the next batch of events."""
        self._blocks.add(events)

    def body(self) -> bytes:
        """The response as JSON."""
        return msgspec.json.encode(self._response.ended(self._blocks))


def usage(counted: Usage) -> Wire:
    """The `usage` object; both details are always there, and of a prompt with media how many of its tokens they are."""
    media = {f"{kind}_tokens": count for kind, count in counted.media_tokens}
    return {
        "input_tokens": counted.prompt_tokens,
        "input_tokens_details": {"cached_tokens": counted.cached_tokens, "cache_write_tokens": 0, **media},
        "output_tokens": counted.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": counted.reasoning_tokens},
        "total_tokens": counted.prompt_tokens + counted.completion_tokens,
    }
