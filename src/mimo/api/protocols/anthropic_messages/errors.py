"""What an error looks like on the Anthropic protocol (contract section 7)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from mimo.api import sse
from mimo.api.envelope import ErrorForm, message_of
from mimo.contract.errors import ApiError, ContextLengthExceeded

TYPES: Mapping[int, str] = MappingProxyType(
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


def _body(error: ApiError, request_id: str) -> bytes:
    message = message_of(error, request_id)
    if isinstance(error, ContextLengthExceeded):
        message = f"prompt is too long: {error.counts or message}"  # clients compact the conversation at these words
    fields = {"type": TYPES[error.status], "message": message}
    return msgspec.json.encode({"type": "error", "error": fields, "request_id": request_id})


ANTHROPIC = ErrorForm(
    _body,
    lambda error, request_id: sse.event("error", _body(error, request_id)),
    "AnthropicError",
    id_headers=("request-id",),  # where its SDK looks
)
