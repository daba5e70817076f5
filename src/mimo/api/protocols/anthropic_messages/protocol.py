"""The row of Anthropic's messages: POST /v1/messages, its count_tokens and the models, all also below /anthropic."""

from __future__ import annotations

from mimo.api.protocols.anthropic_messages.errors import ANTHROPIC
from mimo.api.protocols.anthropic_messages.models import model, models
from mimo.api.protocols.anthropic_messages.reply import Message, Whole
from mimo.api.protocols.anthropic_messages.request import FIELDS, WIRE_NAMES, decode, decode_count
from mimo.api.protocols.anthropic_messages.schema import schemas
from mimo.api.protocols.anthropic_messages.stream import MessageEvents
from mimo.api.protocols.base import Protocol
from mimo.api.protocols.count import counter
from mimo.api.route import BODY_ERRORS, Route
from mimo.contract.errors import NotFound

_COUNT = Route(
    counter(decode_count, {}),
    "Count the tokens of a conversation on the Anthropic protocol",
    BODY_ERRORS,
    errors=ANTHROPIC,
    request="CountRequest",
    response="TokenCount",
)

_MODELS = Route(models, "The models in Anthropic's form", errors=ANTHROPIC, response="AnthropicModelList")
_MODEL = Route(model, "One model in Anthropic's form", (NotFound,), errors=ANTHROPIC, response="AnthropicModel")

ANTHROPIC_MESSAGES = Protocol(
    name="anthropic_messages",
    title="messages",
    summary="Answer a conversation on the Anthropic protocol, whole or streamed",
    paths=("/v1/messages", "/anthropic/v1/messages"),
    fields=FIELDS,
    wire_names=WIRE_NAMES,
    decode=decode,
    frames=lambda decoded, source: MessageEvents(Message(decoded.request.model.id)),
    body=lambda decoded, source: Whole(Message(decoded.request.model.id)),
    errors=ANTHROPIC,
    prefixes=("/v1/messages/", "/anthropic/"),
    others={
        ("POST", "/v1/messages/count_tokens"): _COUNT,
        ("POST", "/anthropic/v1/messages/count_tokens"): _COUNT,
        ("GET", "/anthropic/v1/models"): _MODELS,
        ("GET", "/anthropic/v1/models/{id}"): _MODEL,
    },
    header="anthropic-version",
    shared={("GET", "/v1/models"): _MODELS, ("GET", "/v1/models/{id}"): _MODEL},
    key_header="x-api-key",
    request="MessagesRequest",
    response="Message",
    schemas=schemas,
)
