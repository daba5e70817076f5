"""The body of POST /v1/chat/completions → a `ChatRequest`, and what to tell the client about fields nobody knows.

    bytes → JSON object → model → messages → parameters

Knows the wire's field names; knows no engine.
"""

from __future__ import annotations

from collections.abc import Mapping

from mimo.api.body import decode_object
from mimo.api.policy import Policy
from mimo.api.protocols.fields import Decoded, reasoning_notices, refuse_ignored, requested_model
from mimo.api.protocols.openai_chat.messages import missing_reasoning, read_messages
from mimo.contract.models import Model
from mimo.contract.parameters import PARAMETERS
from mimo.contract.request import ChatRequest
from mimo.contract.resolve import resolve

FIELDS: Mapping[str, str] = {name: name for name in PARAMETERS}
"""The client's fields, each the row of the parameters table with its name."""


def decode(body: bytes, models: Mapping[str, Model], policy: Policy) -> Decoded[ChatRequest]:
    """Check everything that can be checked without an engine. Raises `InvalidRequest`, `NotFound` for the model."""
    fields = decode_object(body)
    model = requested_model(fields, models)
    messages, unknown = read_messages(fields.get("messages"), model, urls=policy.media_urls)
    resolved = resolve(fields, model, strict=policy.strict)
    refuse_ignored(unknown, policy)
    notices = reasoning_notices(missing_reasoning(messages), resolved.params, policy)
    ignored = (*resolved.ignored, *unknown)
    return Decoded(ChatRequest(model, resolved.params, messages), ignored, tuple(notices))
