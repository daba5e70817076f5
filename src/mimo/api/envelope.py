"""What an error looks like on the wire: OpenAI's envelope, or Anthropic's on Anthropic's routes.

An internal error says nothing but the request id. Knows no route but by the beginning of its path.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from mimo.api.sse import event, frame
from mimo.contract.errors import ApiError, InternalError

ANTHROPIC_TYPES: Mapping[int, str] = MappingProxyType(
    {
        400: "invalid_request_error",
        401: "authentication_error",
        402: "billing_error",
        403: "permission_error",
        404: "not_found_error",
        405: "invalid_request_error",
        413: "request_too_large",
        415: "invalid_request_error",
        429: "rate_limit_error",
        500: "api_error",
        502: "api_error",
        503: "overloaded_error",
        504: "timeout_error",
    }
)
"""Anthropic's name for each status of ours."""


def is_anthropic(path: str) -> bool:
    """Whether `path` belongs to the Anthropic protocol."""
    return path.startswith("/anthropic/") or path == "/v1/messages" or path.startswith("/v1/messages/")


def error_body(error: ApiError, request_id: str, path: str = "") -> bytes:
    """The body of an error answer on the route at `path` (contract sections 5 and 7)."""
    message = f"internal error; request id {request_id}" if isinstance(error, InternalError) else error.message
    if is_anthropic(path):
        told = {"type": ANTHROPIC_TYPES[error.status], "message": message}
        return msgspec.json.encode({"type": "error", "error": told, "request_id": request_id})
    fields = {"code": error.code, "message": message, "param": error.param, "type": "error"}
    return msgspec.json.encode({"error": fields})


def error_event(error: ApiError, request_id: str, path: str) -> bytes:
    """The same as the last event of a stream that has begun."""
    body = error_body(error, request_id, path)
    return event("error", body) if is_anthropic(path) else frame(body)
