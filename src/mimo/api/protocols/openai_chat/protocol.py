"""The row of OpenAI's chat completions: POST /v1/chat/completions."""

from __future__ import annotations

from mimo.api.protocols.base import Protocol, Source
from mimo.api.protocols.openai_chat.reply import Reply, Whole
from mimo.api.protocols.openai_chat.request import FIELDS, DecodedChat, decode
from mimo.api.protocols.openai_chat.schema import schemas
from mimo.api.protocols.openai_chat.stream import Chunks


def _reply(decoded: DecodedChat, source: Source) -> Reply:
    request, params = decoded.request, decoded.request.params
    return Reply(
        request.model.id, source.fingerprint, params.n, params.thinking, source.piece, functions=decoded.functions
    )


def _chunks(decoded: DecodedChat, source: Source) -> Chunks:
    params = decoded.request.params
    return Chunks(_reply(decoded, source), params.include_usage, source.usage if params.continuous_usage else None)


OPENAI_CHAT = Protocol(
    name="openai_chat",
    title="chat completions",
    summary="Answer a conversation, whole or streamed",
    paths=("/v1/chat/completions",),
    fields=FIELDS,
    decode=decode,
    frames=_chunks,
    body=lambda decoded, source: Whole(_reply(decoded, source), decoded.request.params.sampling.logprobs is not None),
    request="ChatCompletionRequest",
    response="ChatCompletion",
    schemas=schemas,
    key_header="api-key",
)
