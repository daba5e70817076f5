"""POST /v1/tokenize: text → ids and pieces, or messages → the ids of the prompt they become.

For counting tokens before sending, and for the ids that `logit_bias` needs. Generates nothing.
"""

from __future__ import annotations

import threading

import msgspec

from mimo.api.backend import Backend
from mimo.api.body import decode_object
from mimo.api.exchange import Exchange
from mimo.api.protocols.fields import requested_model, wire_names
from mimo.api.protocols.openai_chat.messages import read_messages
from mimo.api.protocols.shapes import Reading
from mimo.chat.base import encode
from mimo.contract.checks import refuse
from mimo.contract.errors import InvalidRequest
from mimo.contract.resolve import resolve
from mimo.engines.limits import within_window

_FIELDS = ("model", "text", "messages", "thinking", "reasoning_effort", "chat_template_kwargs")


async def tokenize(backend: Backend, exchange: Exchange, _: str) -> None:
    """Answer with the ids, made in a thread: a long text takes long."""
    body = await exchange.body(backend.body_limit, backend.policy.body_seconds, backend.slow, backend.room)
    abandoned = threading.Event()
    try:
        answer = await backend.slow.run(_tokens, backend, body, abandoned)
    finally:
        abandoned.set()
    await exchange.reply(200, answer)


def _tokens(backend: Backend, body: bytes, abandoned: threading.Event) -> bytes:
    """The answer to a tokenize request. Raises `InvalidRequest`, `NotFound` for the model."""
    fields = decode_object(body)
    for name in fields:
        if name not in _FIELDS:
            refuse("the body", f"made of {', '.join(_FIELDS)}", name)
    if (fields.get("text") is None) == (fields.get("messages") is None):
        raise InvalidRequest("either text or messages is required, and not both", param="text")
    ids = (_of_text if fields.get("messages") is None else _of_messages)(backend, fields, abandoned)
    pieces = [backend.engine.tokenizer.piece(token).decode(errors="replace") for token in ids]
    return msgspec.json.encode({"object": "tokens", "count": len(ids), "ids": ids, "pieces": pieces})


def _of_text(backend: Backend, fields: dict[str, object], abandoned: threading.Event) -> tuple[int, ...]:
    text = fields["text"]
    if not isinstance(text, str):
        refuse("text", "a string", text)
    largest = max(backend.models.values(), key=lambda model: model.context_window)
    model = largest if fields.get("model") is None else requested_model(fields, backend.models)
    with wire_names({"messages": "text"}), within_window(backend.countable(model), abandoned) as limit:
        return encode([text], backend.engine.tokenizer, limit)


def _of_messages(backend: Backend, fields: dict[str, object], abandoned: threading.Event) -> tuple[int, ...]:
    model = requested_model(fields, backend.models)
    messages = read_messages(fields["messages"], Reading(model))
    params = resolve({name: fields[name] for name in _FIELDS[3:] if name in fields}, model).params
    with within_window(backend.countable(model), abandoned) as limit:
        return backend.chat_format.render(messages, thinking=params.thinking, limit=limit).tokens
