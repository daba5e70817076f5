"""The body of POST /v1/chat/completions → a `ChatRequest`, and what to tell the client about fields nobody knows.

    bytes → JSON object → model → messages → parameters

Knows the wire's field names; knows no engine.
"""

from __future__ import annotations

from collections.abc import Mapping

from mimo.api.body import decode_object
from mimo.api.policy import Policy
from mimo.api.protocols.fields import (
    Decoded,
    reasoning_notices,
    refuse_ignored,
    rename,
    requested_model,
    wire_names,
)
from mimo.api.protocols.openai_chat.functions import CHOICE, FUNCTIONS, WIRE_NAMES, as_tools
from mimo.api.protocols.openai_chat.messages import read_messages
from mimo.api.protocols.shapes import Reading
from mimo.contract.models import Model
from mimo.contract.parameters import PARAMETERS
from mimo.contract.request import ChatRequest
from mimo.contract.resolve import resolve

FIELDS: Mapping[str, str] = {name: name for name in PARAMETERS}
"""The client's fields, each the row of the parameters table with its name."""


class DecodedChat(Decoded[ChatRequest], frozen=True):
    """The request. `functions`: its tools came in the older form, and so calls go back."""

    functions: bool = False


def decode(body: bytes, models: Mapping[str, Model], policy: Policy) -> DecodedChat:
    """Check everything that can be checked without an engine. Raises `InvalidRequest`, `NotFound` for the model."""
    fields = decode_object(body)
    model = requested_model(fields, models)
    reading = Reading(model, policy.media_urls)
    messages = read_messages(fields.get("messages"), reading)
    ours, old = as_tools(fields) if FUNCTIONS in fields or CHOICE in fields else (fields, False)
    names = WIRE_NAMES if old else {}
    with wire_names(names):
        resolved = resolve(ours, model, strict=policy.strict)
    refuse_ignored(reading.ignored, policy)
    notices = reasoning_notices(reading.missing_reasoning, resolved.params, policy)
    reports = [rename(report, names) for report in resolved.ignored] if old else resolved.ignored
    ignored = (*reports, *reading.ignored)
    return DecodedChat(ChatRequest(model, resolved.params, messages), ignored, tuple(notices), names, old)
