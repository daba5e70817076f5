"""Blocks → an Anthropic message that is not streamed (contract section 7), and what the streamed form shares with it.

Knows the wire format; no engine and no socket.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec

from mimo.api.protocols.base import Body
from mimo.api.protocols.blocks import Block, Blocks
from mimo.types import Event, Finish, FinishReason, Usage

STOP_REASONS: Mapping[FinishReason, str] = MappingProxyType(
    {
        "stop": "end_turn",
        "length": "max_tokens",
        "tool_calls": "tool_use",
        "content_filter": "refusal",
        "repetition_truncation": "max_tokens",  # the protocol has no word of its own for it
    }
)


class Message:
    """What all parts of one answer share."""

    def __init__(self, model: str) -> None:
        self.id = f"msg_{os.urandom(12).hex()}"
        self.model = model

    def wire(self, blocks: list[Block], finish: Finish | None, counted: Usage) -> dict[str, object]:
        """The message object; without `finish` as it is when it begins."""
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [block_object(block) for block in blocks],
            **stop(finish),
            "usage": usage(counted),
        }


class Whole(Body):
    """Collects the events of an answer into one message."""

    def __init__(self, message: Message) -> None:
        self._message = message
        self._blocks = Blocks()

    def add(self, events: Iterable[Event]) -> None:
        """Take the next batch of events."""
        self._blocks.add(events)

    def body(self) -> bytes:
        """The message as JSON."""
        blocks = self._blocks
        return msgspec.json.encode(self._message.wire(blocks.all, blocks.finish, blocks.usage))


def block_object(block: Block) -> dict[str, object]:
    """One content block."""
    match block.kind:
        case "reasoning":
            return {"type": "thinking", "thinking": block.text, "signature": ""}
        case "content":
            return {"type": "text", "text": block.text, "citations": []}
        case _:
            call = f"toolu_{block.id.removeprefix('call_')}"
            return {
                "type": "tool_use", "id": call, "name": block.name, "input": _input(block.text),
                "caller": {"type": "direct"},
            }  # fmt: skip


def stop(finish: Finish | None) -> dict[str, object]:
    """Why the answer ended, and by which text."""
    reason = None if finish is None else STOP_REASONS[finish.reason]
    text = None if finish is None or finish.reason != "stop" else finish.stop
    return {
        "stop_reason": "stop_sequence" if text is not None else reason,
        "stop_sequence": text,
        "stop_details": None,
        "container": None,
    }


def usage(counted: Usage) -> dict[str, object]:
    """The `usage` object: input without what was found in the cache; output with the thinking."""
    return {
        "input_tokens": counted.prompt_tokens - counted.cached_tokens,
        "cache_read_input_tokens": counted.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_creation": None,
        "output_tokens": counted.completion_tokens,
        "output_tokens_details": {"thinking_tokens": counted.reasoning_tokens},
        "server_tool_use": None,
        "service_tier": None,
        "inference_geo": None,
    }


def _input(text: str) -> object:
    """The arguments as they were written; an object in any case."""
    try:
        written = msgspec.json.decode(text or "{}")
    except (ValueError, RecursionError, msgspec.MsgspecError):
        written = None
    return msgspec.Raw((text or "{}").encode()) if isinstance(written, dict) else {}
