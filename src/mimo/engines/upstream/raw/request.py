"""One request to a raw route as plain values, and what comes back of it. Knows no engine's names for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Literal, Protocol

import msgspec
from msgspec import Struct

from mimo.contract.errors import UpstreamError, UpstreamTimeout
from mimo.engines.upstream.http.events import AnswerEvents
from mimo.engines.upstream.http.reply import Reply
from mimo.types import Sampling, TokenLogprob


class RawRequest(Struct, frozen=True):
    """Continue `prompt` once, for at most `max_tokens`. The seed in `sampling` is this request's own, 63 bits; `model`
    is the name the engine knows it by; `banned` ids may not be sampled."""

    prompt: tuple[int, ...]
    sampling: Sampling
    max_tokens: int
    model: str
    end_ids: tuple[int, ...]
    banned: tuple[int, ...] = ()

    @property
    def biases(self) -> dict[int, float]:
        """`logit_bias` with the banned ids at −100, the lowest that every engine takes."""
        return {**dict(self.sampling.logit_bias), **dict.fromkeys(self.banned, -100.0)}


End = Literal["stop", "length"]
ENDS: Mapping[str | None, End | None] = MappingProxyType({None: None, "stop": "stop", "length": "length"})
"""How an upstream says that an answer has ended of itself, or not yet; by any other word it has failed."""


class RawEvent(Struct, frozen=True, gc=False):
    """What one event of the answer holds. `finish` is the upstream's word; `cached`: prompt tokens it had computed."""

    tokens: tuple[int, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    finish: End | None = None
    cached: int | None = None


class Reader(Protocol):
    """Reads the events of one answer, in order."""

    def read(self, data: bytes) -> RawEvent | None:
        """What an event holds, or None if it holds nothing of the answer.

        Raises `UpstreamError` for an error in it; msgspec's errors for what it cannot read.
        """


async def raw_events(reader: Reader, reply: Reply) -> AsyncIterator[list[RawEvent]]:
    """What the events of an answer hold, those that arrived together in one list.

    Raises `UpstreamError` for what breaks off or cannot be read, `UpstreamTimeout`.
    """
    answer, read = AnswerEvents(), reader.read
    try:
        while data := await reply.read():
            if events := [event for one in answer.feed(data) if (event := read(one)) is not None]:
                yield events
                if any(event.tokens for event in events):
                    reply.advance()
            if answer.done:
                await reply.finish()
                return
        if events := [event for one in answer.end() if (event := read(one)) is not None]:
            yield events
    except (UpstreamError, UpstreamTimeout) as problem:
        reply.report(problem)
        raise
    except (ValueError, RecursionError, msgspec.MsgspecError) as problem:
        unreadable = UpstreamError(f"upstream sent what cannot be read: {problem}")
        reply.report(unreadable)
        raise unreadable from problem


def or_nothing(logprob: float | None) -> float:
    """A log-probability, null being that of what cannot come: JSON has no number for it."""
    return float("-inf") if logprob is None else logprob


def sorted_logprob(token: int, logprob: float, top: list[tuple[int, float]], count: int) -> TokenLogprob:
    """In the contract's form: the likeliest first, ties by the lower id, `count` of them."""
    top.sort(key=lambda pair: (-pair[1], pair[0]))
    return TokenLogprob(token, logprob, tuple(top[:count]))


def checked_logprobs(given: tuple[TokenLogprob, ...], count: int, vocabulary: int) -> tuple[TokenLogprob, ...]:
    """Those of `count` tokens. Likeliest ids beyond the `vocabulary`, which an upstream may pad, are left out.

    Raises `UpstreamError` if there are fewer, or for tokens that are not in the vocabulary.
    """
    if len(given) < count or not all(0 <= one.token < vocabulary for one in given):
        raise UpstreamError("upstream left out log-probabilities that it was asked for")
    return tuple(
        one
        if all(0 <= token < vocabulary for token, _ in one.top)
        else replace(one, top=tuple(pair for pair in one.top if 0 <= pair[0] < vocabulary))
        for one in given
    )
