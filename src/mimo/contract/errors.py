"""Every error a client can meet, as one tree.

    ApiError                    status  code                      when
    ├── InvalidRequest          400     invalid_request           malformed, wrong type, out of range, missing
    │   ├── ContextLengthExceeded       context_length_exceeded   the prompt leaves no room for a token
    │   ├── UnsupportedInput            unsupported_input         media for a model or an engine without
    │   └── UnsupportedParameter        unsupported_parameter     the engine cannot honour it
    ├── AuthenticationFailed    401     authentication_failed     no key or a wrong one
    ├── InsufficientBalance     402     insufficient_balance      the key's budget is spent
    ├── PermissionDenied        403     permission_denied         the key may not use this model, or a page the server
    ├── NotFound                404     not_found                 no such route or model
    ├── MethodNotAllowed        405     method_not_allowed        with an `allow` header
    ├── RequestTooLarge         413     request_too_large         body or media over the limit
    ├── UnsupportedMediaType    415     unsupported_media_type    the body's type or encoding is not taken
    ├── RateLimitExceeded       429     rate_limit_exceeded       over RPM/TPM, or the queue is full; `retry-after`
    ├── InternalError           500     internal_error            our bug; the body carries only the request id
    ├── UpstreamError           502     upstream_error            the upstream failed
    ├── ServiceUnavailable      503     service_unavailable       starting, draining, engine down; `retry-after`
    └── UpstreamTimeout         504     upstream_timeout          the upstream was too slow

    StartError                                                a command cannot start: a wrong setting, file or address
    └── EngineError                                           an engine cannot start

Foreign exceptions are mapped to these where they arise; no other exception gets out. No wire format is known here.
"""

from __future__ import annotations

import json
from copy import copy
from typing import Self


class ApiError(Exception):
    """An answer that is an error: `status` and `code` come from the class, the rest from the case."""

    status: int = 500
    code: str = "internal_error"

    def __init__(self, message: str, *, param: str | None = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.headers = headers or {}

    def about(self, param: str, message: str) -> Self:
        """The same error under another name of its field."""
        other = copy(self)
        other.param, other.message, other.args = param, message, (message,)
        return other


class InvalidRequest(ApiError):
    """Malformed JSON, a wrong type, a value out of range, a missing field."""

    status, code = 400, "invalid_request"


class ContextLengthExceeded(InvalidRequest):
    """The prompt leaves no room for a token in the context window."""

    code = "context_length_exceeded"
    counts: str = ""
    """"N tokens > M maximum", where known."""

    @classmethod
    def of(cls, counted: str, window: int, model: str) -> Self:
        """For a prompt of `counted` tokens ("5000", "at least 5000"). Clients know the case by "exceeds the context
        window", or on Anthropic's protocol by "prompt is too long"."""
        error = cls(
            f"the prompt of {counted} tokens exceeds the context window of {window} of {model}: shorten messages to "
            f"fewer than {window} tokens",
            param="messages",
        )
        error.counts = f"{counted} tokens > {window - 1} maximum"
        return error


class UnsupportedInput(InvalidRequest):
    """Media for a model or an engine that does not take them."""

    code = "unsupported_input"


class UnsupportedParameter(InvalidRequest):
    """A parameter or a value of one that the engine cannot honour."""

    code = "unsupported_parameter"


class AuthenticationFailed(ApiError):
    """No key, or a wrong one; only where keys are set or were made."""

    status, code = 401, "authentication_failed"


class InsufficientBalance(ApiError):
    """The key's budget is spent; only for keys that have one (`mimo keys add --budget`)."""

    status, code = 402, "insufficient_balance"


class PermissionDenied(ApiError):
    """The key may not use this model (`mimo keys add --models`), or a web page asked whose origin `--cors-origin` does
    not name."""

    status, code = 403, "permission_denied"


class NotFound(ApiError):
    """No such route or model."""

    status, code = 404, "not_found"


class MethodNotAllowed(ApiError):
    """The route takes other methods; `allow` names them."""

    status, code = 405, "method_not_allowed"


class RequestTooLarge(ApiError):
    """The body, or media in it, is over the limit."""

    status, code = 413, "request_too_large"


class UnsupportedMediaType(ApiError):
    """The body has a type or an encoding that is not taken."""

    status, code = 415, "unsupported_media_type"


class RateLimitExceeded(ApiError):
    """The queue is full, the upstream is over its limit, or, where keys have limits, the key is over its requests or
    tokens per minute; `retry-after` says when to come back."""

    status, code = 429, "rate_limit_exceeded"


class InternalError(ApiError):
    """Our bug; the body carries only the request id."""

    status, code = 500, "internal_error"


class UpstreamError(ApiError):
    """The upstream failed; only where the engine runs elsewhere."""

    status, code = 502, "upstream_error"


class ServiceUnavailable(ApiError):
    """Starting, shutting down, or the engine is down; `retry-after` says when to come back."""

    status, code = 503, "service_unavailable"

    @classmethod
    def loading(cls) -> ServiceUnavailable:
        """The server has started before its model."""
        return cls("the model is still loading", headers={"retry-after": "2"})

    @classmethod
    def shutting_down(cls) -> ServiceUnavailable:
        """The server is shutting down."""
        return cls("the server is shutting down", headers={"retry-after": "5"})


class UpstreamTimeout(ApiError):
    """The upstream was too slow; only where the engine runs elsewhere."""

    status, code = 504, "upstream_timeout"


class StartError(Exception):
    """What keeps a command from starting: one line that names the setting, file or address, and why."""


class EngineError(StartError):
    """An engine that cannot start: the message says which file or address and why."""


def shown(value: object, limit: int = 80) -> str:
    """`value` as JSON for an error message ("got …"), cut to `limit` characters and safe to print."""
    if isinstance(value, str):
        value = value[: limit + 1]  # do not serialise what will be cut anyway: it may be a film
    if isinstance(value, list | dict) and len(value) > limit:
        return f"{'an array' if isinstance(value, list) else 'an object'} of {len(value)} items"
    try:
        text = json.dumps(value, ensure_ascii=True, default=repr)
    except (TypeError, ValueError, RecursionError):
        text = type(value).__name__
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
