"""What an error looks like on the wire: the form of a protocol, and OpenAI's, which every other route has too.

An internal error says nothing but the request id. Knows no route.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from mimo.api import sse
from mimo.contract.errors import ApiError, InternalError


@dataclass(frozen=True, slots=True)
class ErrorForm:
    """`body(error, request_id)` is a whole error answer; `frame(error, request_id)` ends a stream that has begun.
    `schema`: name of the body's shape in the OpenAPI document. `id_headers`: where clients look for the request id,
    beyond `x-request-id`."""

    body: Callable[[ApiError, str], bytes]
    frame: Callable[[ApiError, str], bytes]
    schema: str
    id_headers: tuple[str, ...] = ()


def message_of(error: ApiError, request_id: str) -> str:
    """What a client may read of `error`."""
    return f"internal error; request id {request_id}" if isinstance(error, InternalError) else error.message


def _body(error: ApiError, request_id: str) -> bytes:
    fields = {"code": error.code, "message": message_of(error, request_id), "param": error.param, "type": "error"}
    return msgspec.json.encode({"error": fields})


OPENAI = ErrorForm(_body, lambda error, request_id: sse.frame(_body(error, request_id)), "Error")
