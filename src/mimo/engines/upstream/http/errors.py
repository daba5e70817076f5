"""What can go wrong with an upstream → the errors of the contract. The only place that knows aiohttp's exceptions.

A client learns what failed and never where: addresses, paths and whatever an upstream says of its inside go to the log
alone.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re

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

log = logging.getLogger("mimo.upstream")
CAUGHT = (aiohttp.ClientError, asyncio.TimeoutError, OSError)
"""What reading from or writing to an upstream may raise."""

_OVERFLOW = ("context length", "context size", "exceed_context", "context window")
_INSIDE = re.compile(
    r"""(?<![\w/])~?\.{0,2}/\w   # a path
      | \w/[\w.-]+/ | \\\w       # more of one
      | :// | \w@\w              # an address
      | \w:\d{2,5}\b | [\w-]\.[A-Za-z]\w | \d+(?:\.\d+){3} | ::[0-9A-Fa-f]
      | \b0x[0-9A-Fa-f]{4} | Traceback | \bline\ \d""",
    re.VERBOSE,
)
"""Paths, addresses, names of hosts and files, and pieces of a traceback."""
_WORDS = 300
"""Characters of an upstream's words in one error."""
_IN_THE_LOG = "its words are in the server's log"


def of_connection(problem: BaseException) -> ApiError:
    """A connection that failed before or during an answer."""
    if isinstance(problem, aiohttp.ConnectionTimeoutError):
        return UpstreamTimeout("upstream does not accept connections in time")
    if isinstance(problem, asyncio.TimeoutError):
        return UpstreamTimeout("upstream sent nothing for too long")
    if isinstance(problem, aiohttp.ClientConnectorError):
        return UpstreamError("upstream cannot be reached")
    return UpstreamError("upstream closed the connection before the answer was complete")


def why(problem: BaseException) -> str:
    """What happened to a connection, as the operator reads it: with the system's own words, in no client's answer."""
    if isinstance(problem, ApiError):
        return problem.message if problem.__cause__ is None else why(problem.__cause__)
    if isinstance(problem, aiohttp.ConnectionTimeoutError):
        return "it does not accept connections in time"
    if isinstance(problem, asyncio.TimeoutError):
        return "it sent nothing for too long"
    if isinstance(problem, aiohttp.ServerDisconnectedError):
        return "it closed the connection before it answered"
    if isinstance(problem, aiohttp.ClientPayloadError):
        return "it closed the connection in mid-answer"
    if isinstance(problem, aiohttp.ClientConnectorDNSError):
        return f"there is no address for the name {problem.host}"
    if isinstance(problem, OSError) and problem.errno:
        return os.strerror(problem.errno).lower()
    return f"{problem}" or type(problem).__name__


def is_drop(problem: BaseException) -> bool:
    """Whether a connection that had been made was dropped, as servers do with those they kept for long enough."""
    return not isinstance(problem, aiohttp.ClientConnectorError | asyncio.TimeoutError)


def is_refusal(problem: BaseException) -> bool:
    """Whether no connection could be made."""
    return isinstance(problem, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)


def of_status(status: int, body: bytes, retry_after: str | None) -> ApiError:
    """The error for a reply that is not 200. Requests are validated before they are sent, so an upstream's 400 is a
    fault of the upstream, except for a prompt that is too long."""
    whole = _line(body)
    said = public(whole)
    retry_after = retry_after if retry_after and re.fullmatch(r"\d{1,6}", retry_after) else None
    if status in (400, 413, 422) and any(mark in whole.lower() for mark in _OVERFLOW):
        return ContextLengthExceeded(f"the prompt exceeds the context window of the model: {said}", param="messages")
    if status == 429:
        return RateLimitExceeded("upstream is over its limit; try again", headers={"retry-after": retry_after or "1"})
    if status == 503:
        return ServiceUnavailable(f"upstream is not ready: {said}", headers={"retry-after": retry_after or "2"})
    if status in (408, 504):
        return UpstreamTimeout(f"upstream was too slow: {said}")
    if status in (401, 403):
        return UpstreamError("upstream refuses the key of this server")
    if 300 <= status < 400:
        return UpstreamError(
            f"upstream answered {status}, a redirect, which is not followed: give the final address to --upstream"
        )
    return UpstreamError(f"upstream answered {status}: {said}")


def of_media(path: str, status: int, body: bytes, retry_after: str | None) -> ApiError:
    """As `of_status`, for a request that holds media, the first at `path`: only the beginning of their content was
    checked before, so a refusal is the client's."""
    error = of_status(status, body, retry_after)
    if status in (400, 413, 415, 422) and not isinstance(error, ContextLengthExceeded):
        said = public(_line(body))
        return InvalidRequest(
            f"{path}, or other media of the request, cannot be read by the upstream: {said}", param=path
        )
    return error


class FailedInside(UpstreamError):
    """The upstream said so itself in the middle of an answer. `said`: its words, for the log alone."""

    said = ""


def of_event(said: object) -> FailedInside:
    """An error in the middle of a stream that began with 200; `said` is its decoded JSON."""
    whole = _text(said)
    error = FailedInside(f"upstream failed: {public(whole)}")
    error.said = whole
    return error


def words(body: bytes) -> str:
    """What an error body says, in one line of at most 300 characters; for the log, not for clients."""
    return _line(body)


def _line(body: bytes) -> str:
    try:
        return _text(msgspec.json.decode(body))
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return _text(body.decode(errors="replace"))


def _text(value: object) -> str:
    for name in ("error", "message", "detail"):
        if isinstance(value, dict) and name in value:
            value = value[name]
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode() if value else ""
    line = " ".join("".join(character if character.isprintable() else " " for character in text[:4000]).split())
    return line[:_WORDS] or "nothing"


def public(line: str) -> str:
    """`line`, words of an upstream, if a client may read them: as many as an error may have."""
    line = line[:_WORDS]
    return _IN_THE_LOG if _INSIDE.search(line) else line
