"""The row of OpenAI's Responses: POST /v1/responses and its input_tokens. Nothing is stored."""

from __future__ import annotations

from mimo.api.protocols.base import Protocol
from mimo.api.protocols.count import counter
from mimo.api.protocols.openai_responses.reply import Response, Whole
from mimo.api.protocols.openai_responses.request import FIELDS, WIRE_NAMES, decode
from mimo.api.protocols.openai_responses.schema import schemas
from mimo.api.protocols.openai_responses.stream import ResponseEvents
from mimo.api.route import BODY_ERRORS, Route

_COUNT = Route(
    counter(decode, {"object": "response.input_tokens"}),
    "Count the tokens of a request on the Responses protocol",
    BODY_ERRORS,
    request="ResponsesRequest",
    response="InputTokens",
)

OPENAI_RESPONSES = Protocol(
    name="openai_responses",
    title="responses",
    summary="Answer on the Responses protocol, stateless",
    paths=("/v1/responses",),
    fields=FIELDS,
    wire_names=WIRE_NAMES,
    decode=decode,
    frames=lambda decoded, source: ResponseEvents(Response(decoded, source.piece)),
    body=lambda decoded, source: Whole(Response(decoded, source.piece)),
    request="ResponsesRequest",
    response="Response",
    schemas=schemas,
    others={("POST", "/v1/responses/input_tokens"): _COUNT},
)
