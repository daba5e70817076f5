"""The row of OpenAI's completions: POST /v1/completions. Raw prompts are continued: no template, nothing split off.

Several prompts are answered side by side, each as it would be alone.
"""

from __future__ import annotations

from mimo.api.protocols.base import Protocol, Source
from mimo.api.protocols.fields import Decoded
from mimo.api.protocols.openai_completions.reply import Text, Wanted
from mimo.api.protocols.openai_completions.request import FIELDS, WIRE_NAMES, decode
from mimo.api.protocols.openai_completions.schema import schemas
from mimo.generate.request import TextRequest


def _text(decoded: Decoded[TextRequest], source: Source) -> Text:
    request, params = decoded.request, decoded.request.params
    choices = params.n * len(request.prompts)
    return Text(
        request.model.id,
        source.fingerprint,
        choices,
        source.piece,
        Wanted(params.sampling.logprobs, request.echo, request.prompt_logprobs),
        params.include_usage,
        source.usage if params.continuous_usage else None,
    )


OPENAI_COMPLETIONS = Protocol(
    name="openai_completions",
    title="completions",
    summary="Continue raw text or token ids",
    paths=("/v1/completions",),
    fields=FIELDS,
    wire_names=WIRE_NAMES,
    decode=decode,
    frames=_text,
    body=_text,
    request="CompletionRequest",
    response="Completion",
    schemas=schemas,
    operation="text_completion",
)
