"""A request after validation: `Params`, what the parameters table makes of its fields, and `ChatRequest` around them.

Every field is concrete. No field that the table fills has a default: the rows have them. No wire format is known here.
"""

from __future__ import annotations

from msgspec import Struct

from mimo.contract.models import Model
from mimo.types import JsonFormat, Media, Message, Sampling, Tool, ToolChoice


class Params(Struct, frozen=True):
    """What one request asks of sampling and output; counts are in tokens.

    `include_usage`: a stream ends in the counts; `continuous_usage`: every chunk of it has those so far.
    `ignore_eos`: the turn does not end before `max_completion_tokens`; `min_tokens`: nor before so many.
    `seed_given`: whether the seed is the client's and not drawn by us: an engine without seeds refuses the one, not
    the other. `thinking_given`: whether the client has said anything about thinking.
    """

    sampling: Sampling
    max_completion_tokens: int
    n: int
    stop: tuple[str, ...]
    ignore_eos: bool
    min_tokens: int
    stream: bool
    include_usage: bool
    continuous_usage: bool
    thinking: bool
    thinking_budget: int | None
    tools: tuple[Tool, ...]
    tool_choice: ToolChoice
    parallel_tool_calls: bool
    json_format: JsonFormat | None
    seed_given: bool
    thinking_given: bool

    @property
    def offered_tools(self) -> tuple[Tool, ...]:
        """The functions that the model may call."""
        return self.tools if self.tool_choice != "none" else ()


class ChatRequest(Struct, frozen=True):
    """Messages to answer. `continues`: the answer goes on from the last message, an assistant's, instead of following
    it."""

    model: Model
    params: Params
    messages: tuple[Message, ...]
    continues: bool = False

    @property
    def media(self) -> tuple[Media, ...]:
        """The media of all messages, in order."""
        return tuple([media for message in self.messages if message.parts for media in message.media])
