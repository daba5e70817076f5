"""POST /v1/tokenize: text → ids and pieces, or messages → the ids of the prompt they become.

For people who count tokens before they send, and for the ids that `logit_bias` wants. Generates nothing.
"""

from __future__ import annotations

import asyncio

import msgspec

from mimo.api.backend import Backend
from mimo.api.body import decode_object
from mimo.api.exchange import Exchange
from mimo.api.protocols.fields import requested_model
from mimo.api.protocols.openai_chat.messages import read_messages
from mimo.contract.checks import refuse
from mimo.contract.errors import InvalidRequest
from mimo.contract.resolve import resolve

_FIELDS = ("model", "text", "messages", "thinking", "reasoning_effort", "chat_template_kwargs")


async def tokenize(backend: Backend, exchange: Exchange, _: str) -> None:
    """Answer with the ids, made in a thread: a long text takes long."""
    body = await exchange.body(backend.body_limit, backend.policy.body_seconds)
    await exchange.reply(200, await asyncio.to_thread(_tokens, backend, body))


def _tokens(backend: Backend, body: bytes) -> bytes:
    """The answer to a tokenize request. Raises `InvalidRequest`, `NotFound` for the model."""
    fields = decode_object(body)
    for name in fields:
        if name not in _FIELDS:
            refuse("the body", f"made of {', '.join(_FIELDS)}", name)
    if (fields.get("text") is None) == (fields.get("messages") is None):
        raise InvalidRequest("either text or messages is required, and not both", param="text")
    ids = _of_text(backend, fields) if fields.get("messages") is None else _of_messages(backend, fields)
    pieces = [backend.engine.tokenizer.piece(token).decode(errors="replace") for token in ids]
    return msgspec.json.encode({"object": "tokens", "count": len(ids), "ids": ids, "pieces": pieces})


def _of_text(backend: Backend, fields: dict[str, object]) -> list[int]:
    text = fields["text"]
    if not isinstance(text, str):
        refuse("text", "a string", text)
    if fields.get("model") is not None:
        requested_model(fields, backend.models)
    return backend.engine.tokenizer.encode(text)


def _of_messages(backend: Backend, fields: dict[str, object]) -> list[int]:
    model = requested_model(fields, backend.models)
    messages, _ = read_messages(fields["messages"], model)
    params = resolve({name: fields[name] for name in _FIELDS[3:] if name in fields}, model).params
    return list(backend.chat_format.render(messages, thinking=params.thinking).tokens)
