"""The body of POST /v1/chat/completions → a `ChatRequest`, and what to tell the client about fields nobody knows.

    bytes → JSON object → model → messages → parameters

Knows the wire's field names; knows no engine.
"""

from __future__ import annotations

from collections.abc import Mapping

from mimo.api.body import decode_object
from mimo.api.protocols.fields import Decoded, Wishes, requested_model
from mimo.api.protocols.openai_chat.messages import missing_reasoning, read_messages
from mimo.contract.errors import InvalidRequest
from mimo.contract.models import Model
from mimo.contract.request import ChatRequest
from mimo.contract.resolve import resolve


def decode(body: bytes, models: Mapping[str, Model], wishes: Wishes) -> Decoded:
    """Check everything that can be checked without an engine. Raises `InvalidRequest`, `NotFound` for the model."""
    fields = decode_object(body)
    model = requested_model(fields, models)
    messages, unknown = read_messages(fields.get("messages"), model, urls=wishes.media_urls)
    resolved = resolve(fields, model, strict=wishes.strict)
    if unknown and wishes.strict:
        raise InvalidRequest(f"unknown field {unknown[0]!r}", param=unknown[0])
    missing = missing_reasoning(messages) if resolved.params.thinking else []
    if missing and wishes.require_reasoning_passback:
        raise InvalidRequest(f"{missing[0]} is required: with thinking on it must be passed back", param=missing[0])
    return Decoded(
        ChatRequest(model, resolved.params, messages),
        ignored=(*resolved.ignored, *unknown),
        notices=tuple(f"{path} is missing; the model does not see what it thought" for path in missing),
    )
