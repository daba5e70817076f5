"""What can go wrong with an engine behind us → the errors of the house. The only place that knows aiohttp's exceptions.

The client learns what failed and never where: addresses go to the log alone.
"""

from __future__ import annotations

import asyncio

import aiohttp
import msgspec

from mimo.contract.errors import (
    ApiError,
    ContextLengthExceeded,
    InvalidRequest,
    RateLimitExceeded,
    ServiceUnavailable,
    UpstreamError,
    UpstreamTimeout,
)

CAUGHT = (aiohttp.ClientError, asyncio.TimeoutError, OSError)
"""What reading from or writing to an engine may raise."""

_OVERFLOW = ("context length", "context size", "exceed_context", "context window")


def of_connection(problem: BaseException) -> ApiError:
    """A connection that failed before or during an answer."""
    if isinstance(problem, aiohttp.ConnectionTimeoutError):
        return UpstreamTimeout("the engine behind does not take connections in time")
    if isinstance(problem, asyncio.TimeoutError):
        return UpstreamTimeout("the engine behind was silent for too long")
    if isinstance(problem, aiohttp.ClientConnectorError):
        return UpstreamError("the engine behind cannot be reached")
    return UpstreamError("the engine behind closed the connection before the answer was complete")


def is_drop(problem: BaseException) -> bool:
    """Whether a connection that had been made was dropped, as servers do with those they kept for long enough."""
    return not isinstance(problem, aiohttp.ClientConnectorError | asyncio.TimeoutError)


def is_refusal(problem: BaseException) -> bool:
    """Whether no connection could be made."""
    return isinstance(problem, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)


def of_status(status: int, body: bytes, retry_after: str | None) -> ApiError:
    """An answer that is not a success. We validated before: a 400 is its fault, but for a prompt that is too long."""
    said = words(body)
    if status in (400, 413, 422) and any(mark in said.lower() for mark in _OVERFLOW):
        return ContextLengthExceeded(f"the prompt leaves no room for an answer: {said}", param="messages")
    if status == 429:
        return RateLimitExceeded(
            "the engine behind is over its limit; try again", headers={"retry-after": retry_after or "1"}
        )
    if status == 503:
        return ServiceUnavailable(
            f"the engine behind is not ready: {said}", headers={"retry-after": retry_after or "2"}
        )
    if status in (408, 504):
        return UpstreamTimeout(f"the engine behind was too slow: {said}")
    if status in (401, 403):
        return UpstreamError("the engine behind refuses the key of this server")
    return UpstreamError(f"the engine behind answered {status}: {said}")


def of_media(path: str, status: int, body: bytes, retry_after: str | None) -> ApiError:
    """As `of_status`, for a request that holds media, the first at `path`: only the beginning of their content was
    looked at before, so a refusal is the client's."""
    error = of_status(status, body, retry_after)
    if status in (400, 413, 415, 422) and not isinstance(error, ContextLengthExceeded):
        return InvalidRequest(f"{path} or what is beside it cannot be read by the engine: {words(body)}", param=path)
    return error


def of_event(said: object) -> UpstreamError:
    """An error in the middle of a stream that began with 200; `said` is its decoded JSON."""
    return UpstreamError(f"the engine behind failed: {_line(said)}")


def words(body: bytes) -> str:
    """What an error body says, in one line of at most 300 characters."""
    try:
        return _line(msgspec.json.decode(body))
    except (ValueError, msgspec.MsgspecError):
        return _line(body.decode(errors="replace"))


def _line(value: object) -> str:
    for name in ("error", "message", "detail"):
        if isinstance(value, dict) and name in value:
            value = value[name]
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode() if value else ""
    return " ".join(text.split())[:300] or "nothing"
