"""The chunks of one choice → its events: what the API split stays split, stop strings and limits are ours.

    chunk → reasoning | content → stop (content only) → limit → deltas, then the calls, one Finish

Knows no connection.
"""

from __future__ import annotations

from mimo.contract.errors import UpstreamError
from mimo.contract.request import Params
from mimo.engines.upstream.chat.calls import OpenCalls
from mimo.engines.upstream.chat.chunks import Delta, read_chunk
from mimo.output.stop import StopFilter
from mimo.types import THINK, ContentDelta, Event, Finish, FinishReason, ReasoningDelta, Usage

_OPENS = THINK.opens
_LONGEST_TOKEN = 256
"""Bytes that no token of a vocabulary exceeds, with room to spare."""


class ChoiceReader:
    """Reads the chunks of one choice. `split`: the reasoning must have been split off by the upstream.

    The upstream's usage counts, the last one it gave. Until there is one its chunks are counted, each of which holds a
    token at least: that is also how the limit is kept against an upstream that does not keep it.
    """

    def __init__(self, choice: int, params: Params, *, split: bool = False) -> None:
        self.reason: FinishReason | None = None
        """Why the choice has ended, by our own doing or the upstream's; None: it goes on."""
        self._cut = False
        self._choice = choice
        self._stop = StopFilter(params.stop) if params.stop else None
        self._one_call = not params.parallel_tool_calls
        self._split = split
        self._limit = params.max_completion_tokens
        self._room = params.max_completion_tokens * _LONGEST_TOKEN
        self._counts: dict[str, int] = {}
        self.chunks = 0
        """How many came that hold something of the answer."""
        self._calls = OpenCalls()
        self._opening = ""

    @property
    def cut(self) -> bool:
        """Whether we end the choice, so that nothing more of it is wanted."""
        return self._cut

    def read(self, data: bytes) -> list[Event]:
        """The events of one chunk. Raises `UpstreamError` for an error in it, and for an end that is one."""
        delta = read_chunk(data)
        if delta.usage is not None:
            self._counts.update(delta.usage)
        if self.reason is not None:
            return []
        events = [] if delta.empty else self._take(delta)
        if self.reason is None:
            self.reason = delta.finish
        return events

    def _take(self, delta: Delta) -> list[Event]:
        self._room -= len(delta.content) + len(delta.reasoning) + sum(len(call.arguments) for call in delta.calls)
        if self.chunks == self._limit or self._room < 0:
            self._end("length")
            return []
        self.chunks += 1
        events: list[Event] = []
        if delta.reasoning:
            events.append(ReasoningDelta(self._choice, delta.reasoning))
        if delta.content:
            if self._split:
                self._check_split(delta.content)
            if text := self._visible(delta.content):
                events.append(ContentDelta(self._choice, text))
        if self.reason is None and not self._calls.add(delta.calls, one=self._one_call):
            self._end("stop")
        return events

    def _end(self, reason: FinishReason) -> None:
        self.reason, self._cut = reason, True

    def end(self) -> list[Event]:
        """Text that could have begun a stop, the calls, and the finish. Raises `UpstreamError` without a finish."""
        reason = self.reason
        if reason is None:
            raise UpstreamError("upstream ended its answer without saying why")
        match = self._stop.match if self._stop is not None else None
        rest = self._stop.flush() if self._stop is not None and match is None else ""
        calls = self._calls.whole(self._choice, cut=reason not in ("stop", "tool_calls"))
        if reason in ("stop", "tool_calls"):
            reason = "tool_calls" if calls else "stop"
        tail: list[Event] = [ContentDelta(self._choice, rest)] if rest else []
        return [*tail, *calls, Finish(self._choice, reason, match)]

    def usage(self) -> Usage:
        """The counts of this choice."""
        counts = self._counts
        completion = counts.get("completion_tokens", self.chunks)
        if self._cut:  # before the upstream could count
            completion = max(completion, self.chunks)
        return Usage(
            prompt_tokens=counts.get("prompt_tokens", 0),
            completion_tokens=completion,
            reasoning_tokens=min(completion, counts.get("reasoning_tokens", 0)),
            cached_tokens=counts.get("cached_tokens", 0),
        )

    def _check_split(self, text: str) -> None:
        """Raise `UpstreamError` where the content begins with the reasoning: the upstream did not split it off."""
        if len(self._opening) < len(_OPENS):
            self._opening = (self._opening + text).lstrip()[: len(_OPENS)]
            if self._opening == _OPENS:
                raise UpstreamError("upstream left its reasoning in the text: it needs a reasoning parser")

    def _visible(self, text: str) -> str:
        if self._stop is None:
            return text
        text = self._stop.push(text)
        if self._stop.match is not None:
            self._end("stop")
        return text
