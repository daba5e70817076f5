"""The answer of a chat route → events: what the API split stays split, stop strings are ours, usage is its own.

    chunk → reasoning | content → stop (content only) → deltas, then the calls, one Finish per choice, then Usage

n choices are n requests. Knows the chunk format of OpenAI-compatible APIs, `reasoning` and `reasoning_content` alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import msgspec

from mimo.contract.errors import ServiceUnavailable, UpstreamError
from mimo.contract.request import ChatRequest
from mimo.engines.base import EventStream
from mimo.engines.upstream.http import errors as faults
from mimo.engines.upstream.http.sse import Events
from mimo.output.calls import new_call_id
from mimo.output.stop import StopFilter
from mimo.types import ContentDelta, Event, Finish, FinishReason, ReasoningDelta, ToolCallDelta, Usage

if TYPE_CHECKING:
    from mimo.engines.upstream.chat.route import ChatRoute
    from mimo.engines.upstream.http.client import Reply

_OPENS = "<think>"
_REASONS = ("stop", "length", "tool_calls", "content_filter", "repetition_truncation")


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    index: int = 0
    id: str | None = None
    function: _Function = msgspec.field(default_factory=_Function)


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)
    finish_reason: str | None = None


class _Details(msgspec.Struct):
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    completion_tokens_details: _Details | None = None
    prompt_tokens_details: _Details | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: object = None


_decode = msgspec.json.Decoder(_Chunk).decode


class HostedStream(EventStream):
    """One request; its choices are read one after the other when there are several."""

    def __init__(self, route: ChatRoute, request: ChatRequest) -> None:
        self._route = route
        self._request = request
        self._replies: dict[int, Reply] = {}
        self._closed = False
        self._usages: list[_Usage] = []
        self._failed = False

    async def opened(self) -> None:
        if not self._replies:
            await asyncio.gather(*(self._open(choice) for choice in range(self._request.params.n)))

    async def _open(self, choice: int) -> None:
        reply = await self._route.send(self._request, choice)
        self._replies[choice] = reply
        if self._closed:  # another was refused, or the client has left
            reply.close()

    async def __aiter__(self) -> AsyncIterator[list[Event]]:
        try:
            await self.opened()
            for choice in range(self._request.params.n):
                async for events in self._choice(choice, self._replies[choice]):
                    yield events
            yield [self._usage()]
        finally:
            self.close()

    async def _choice(self, choice: int, reply: Reply) -> AsyncIterator[list[Event]]:
        params = self._request.params
        reading = ChoiceReader(choice, params.stop, params.parallel_tool_calls, self._route.parsed)
        events = Events()
        try:
            async for data in reply:
                if out := [event for chunk in events.feed(data) for event in reading.read(chunk)]:
                    yield out
                if reading.stopped:
                    break
            else:
                if out := [event for chunk in events.end() for event in reading.read(chunk)]:
                    yield out
            yield reading.end()
        except (ValueError, msgspec.MsgspecError) as problem:
            raise UpstreamError(f"the engine behind sent what cannot be read: {problem}") from problem
        except UpstreamError:
            if self._failed:
                raise ServiceUnavailable("the server is shutting down", headers={"retry-after": "5"}) from None
            raise
        finally:
            reply.close()
            self._usages.append(reading.usage)

    def _usage(self) -> Usage:
        """The API's counts: the prompt once, the rest over all choices."""
        total = Usage(0, 0, 0, 0)
        for one in self._usages:
            reasoning = (one.completion_tokens_details or _Details()).reasoning_tokens or 0
            cached = (one.prompt_tokens_details or _Details()).cached_tokens or 0
            total = Usage(
                max(total.prompt_tokens, one.prompt_tokens),
                total.completion_tokens + one.completion_tokens,
                total.reasoning_tokens + reasoning,
                max(total.cached_tokens, cached),
            )
        return total

    def close(self) -> None:
        self._closed = True
        for reply in self._replies.values():
            reply.close()
        self._route.left(self)

    def fail(self) -> None:
        """The engine is closing: the reader gets `ServiceUnavailable`."""
        self._failed = True
        self.close()


@dataclass(slots=True)
class _Open:
    """A call as far as it has come."""

    id: str = ""
    name: str = ""
    arguments: str = ""

    def add(self, call: _Call) -> None:
        self.id = self.id or call.id or ""
        self.name = self.name or call.function.name or ""
        self.arguments += call.function.arguments or ""

    @property
    def complete(self) -> bool:
        """Whether it can be given to a client: named, its arguments a JSON object."""
        try:
            return bool(self.name) and isinstance(msgspec.json.decode(self.arguments or "{}"), dict)
        except (ValueError, msgspec.MsgspecError):
            return False


class ChoiceReader:
    """Reads the chunks of one choice. `usage`: the last one told, however often it was; until then chunks are counted,
    which is all there is when a stop of ours ends the answer. Calls are kept until their arguments are complete."""

    def __init__(self, choice: int, stop: tuple[str, ...], parallel: bool = True, parsed: bool = False) -> None:
        self.usage = _Usage()
        self.stopped = False
        self._told = False
        self._choice = choice
        self._stop = StopFilter(stop) if stop else None
        self._reason: FinishReason | None = None
        self._parallel = parallel
        self._parsed = parsed
        self._calls: dict[int, _Open] = {}
        self._opening = ""

    def read(self, data: bytes) -> list[Event]:
        """The events of one chunk. Raises `UpstreamError` for an error in it, and for an end that is one."""
        if data == b"[DONE]" or self.stopped:
            return []
        chunk = _decode(data)
        if chunk.error is not None:
            raise faults.of_event(chunk.error)
        if chunk.usage is not None:
            self.usage = chunk.usage
            self._told = True
        events: list[Event] = []
        for choice in chunk.choices[:1]:
            delta = choice.delta
            thought = delta.reasoning_content or delta.reasoning
            if (thought or delta.content or delta.tool_calls) and not self._told:
                self.usage.completion_tokens += 1
            if thought:
                events.append(ReasoningDelta(self._choice, thought))
            if self._parsed and delta.content:
                self._check_split(delta.content)
            if delta.content and (text := self._visible(delta.content)):
                events.append(ContentDelta(self._choice, text))
            if self.stopped:
                return events
            for call in delta.tool_calls or ():
                if self._calls and call.index not in self._calls and not self._parallel:
                    self.stopped = True
                    return events
                self._calls.setdefault(call.index, _Open()).add(call)
            if choice.finish_reason:
                self._reason = _reason(choice.finish_reason)
        return events

    def end(self) -> list[Event]:
        """What was held back, and the finish. Raises `UpstreamError` when the API never gave one."""
        match = self._stop.match if self._stop is not None else None
        reason = "stop" if self.stopped else self._reason
        if reason is None:
            raise UpstreamError("the engine behind ended its answer without saying why")
        rest = self._stop.flush() if self._stop is not None and match is None else ""
        calls = self._complete_calls(cut=reason not in ("stop", "tool_calls"))
        if reason in ("stop", "tool_calls"):
            reason = "tool_calls" if calls else "stop"
        held: list[Event] = [ContentDelta(self._choice, rest)] if rest else []
        return [*held, *calls, Finish(self._choice, reason, match)]

    def _complete_calls(self, cut: bool) -> list[ToolCallDelta]:
        """The calls, numbered through. One that is not complete is left out where the answer was `cut`, else it is an
        `UpstreamError`."""
        whole = [call for call in self._calls.values() if call.complete]
        if len(whole) < len(self._calls) and not cut:
            raise UpstreamError("the engine behind sent a call without a name, or whose arguments are no JSON object")
        return [
            ToolCallDelta(self._choice, index, call.id or new_call_id(), call.name, call.arguments or "{}")
            for index, call in enumerate(whole)
        ]

    def _check_split(self, text: str) -> None:
        """Raise `UpstreamError` where the content begins with the reasoning: nobody there split it off."""
        if len(self._opening) < len(_OPENS):
            self._opening = (self._opening + text).lstrip()[: len(_OPENS)]
            if self._opening == _OPENS:
                raise UpstreamError("the engine behind left its reasoning in the text: it needs a reasoning parser")

    def _visible(self, text: str) -> str:
        if self._stop is None:
            return text
        text = self._stop.push(text)
        self.stopped = self._stop.match is not None
        return text


def _reason(told: str) -> FinishReason:
    """An API's word for the end. Raises `UpstreamError` for one that is a failure."""
    if told not in _REASONS:
        raise UpstreamError(f"the engine behind ended the answer with {told}")
    return cast(FinishReason, told)
