"""POST /tokenize and /detokenize, GET /tokenizer_info: the tokenizer in the form in which vLLM's clients ask for it.

Text becomes the ids that /v1/completions makes of it: no token is put before it, and nothing in it becomes a control
token, but for a text that is the name of one and nothing else. Generates nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from mimo.api.backend import Backend
from mimo.api.body import decode_object
from mimo.api.exchange import Exchange
from mimo.api.protocols.fields import header_list, refuse_ignored, requested_model, wire_names
from mimo.api.protocols.openai_chat.messages import read_messages
from mimo.api.protocols.shapes import Reading
from mimo.api.route import Answer
from mimo.chat.base import encode
from mimo.contract.checks import boolean, refuse
from mimo.contract.errors import InvalidRequest
from mimo.contract.models import Model
from mimo.contract.resolve import resolve
from mimo.contract.unknown import unknown_members
from mimo.engines.limits import within_window

_PARAMETERS = ("thinking", "reasoning_effort", "chat_template_kwargs", "tools")
_TOKENIZE = ("model", "prompt", "messages", "return_token_strs", "add_generation_prompt", *_PARAMETERS)
_DETOKENIZE = ("model", "tokens")
_Answer = tuple[bytes, list[str]]
"""The body, and what of the request was ignored."""


async def tokenizer_info(backend: Backend, exchange: Exchange, _: str) -> None:
    """What the tokens are called that begin and end a prompt, and the model's chat template where it brings one."""
    tokenizer = backend.engine.tokenizer
    info = {
        "tokenizer_class": type(tokenizer).__name__,
        "vocab_size": tokenizer.vocabulary,
        "bos_token": tokenizer.bos_token or None,
        "eos_token": tokenizer.eos_token or None,
        "pad_token": None,
        "model_max_length": backend.engine.info.context_window,
        "chat_template": backend.engine.chat_template,
    }
    await exchange.reply(200, msgspec.json.encode(info))


def _in_a_thread(work: Callable[[Backend, bytes, threading.Event], _Answer]) -> Answer:
    """The handler that answers with what `work` makes of the body: a long text takes long."""

    async def answer(backend: Backend, exchange: Exchange, _: str) -> None:
        given = await exchange.body(backend.body_limit, backend.policy.body_seconds, backend.slow, backend.room)
        abandoned = threading.Event()
        try:
            body, ignored = await backend.slow.run(work, backend, given, abandoned)
        finally:
            abandoned.set()
        headers = [("x-mimo-ignored", header_list(tuple(ignored)))] if ignored else []
        await exchange.reply(200, body, headers=headers)

    return answer


def _tokenize(backend: Backend, body: bytes, abandoned: threading.Event) -> _Answer:
    fields = decode_object(body)
    ignored = unknown_members(fields, {name: {} for name in _TOKENIZE}, strict=backend.policy.strict)
    if (fields.get("prompt") is None) == (fields.get("messages") is None):
        raise InvalidRequest("either prompt or messages is required, and not both", param="prompt")
    model = _model(fields, backend)
    make = _of_messages if fields.get("prompt") is None else _of_text
    with within_window(backend.countable(model), abandoned) as limit, wire_names({"messages": "messages"}):
        ids, more = make(backend, fields, model, limit)
    strings: list[str] | None = None
    if fields.get("return_token_strs") is not None and boolean(fields["return_token_strs"], "return_token_strs"):
        strings = [backend.engine.tokenizer.piece(token).decode(errors="replace") for token in ids]
    window = backend.engine.info.context_window
    answer = {"count": len(ids), "max_model_len": window, "tokens": ids, "token_strs": strings}
    return msgspec.json.encode(answer), [*ignored, *more]


def _of_text(backend: Backend, fields: Mapping[str, object], _: Model, limit: Any) -> tuple[tuple[int, ...], list[str]]:
    text = fields["prompt"]
    if not isinstance(text, str):
        refuse("prompt", "a string", text)
    control = backend.engine.tokenizer.control(text)  # how clients ask for the id of eos_token
    if control is not None:
        return (control,), []
    with wire_names({"messages": "prompt"}):
        return encode([text], backend.engine.tokenizer, limit), []


def _of_messages(
    backend: Backend, fields: Mapping[str, object], model: Model, limit: Any
) -> tuple[tuple[int, ...], list[str]]:
    reading = Reading(model)
    messages = read_messages(fields["messages"], reading)
    given = {name: fields[name] for name in _PARAMETERS if name in fields}
    resolved = resolve(given, model, strict=backend.policy.strict)
    refuse_ignored(reading.ignored, backend.policy)
    generation = fields.get("add_generation_prompt")
    if generation is not None and not boolean(generation, "add_generation_prompt"):
        words = "add_generation_prompt must be true: a prompt always ends where the answer begins"
        raise InvalidRequest(words, param="add_generation_prompt")
    params = resolved.params
    prompt = backend.chat_format.render(messages, thinking=params.thinking, tools=params.tools, limit=limit)
    return prompt.tokens, [*resolved.ignored, *reading.ignored]


def _detokenize(backend: Backend, body: bytes, _: threading.Event) -> _Answer:
    fields = decode_object(body)
    ignored = unknown_members(fields, {name: {} for name in _DETOKENIZE}, strict=backend.policy.strict)
    _model(fields, backend)
    ids = fields.get("tokens")
    if not isinstance(ids, list):
        refuse("tokens", "an array of token ids", ids)
    tokenizer = backend.engine.tokenizer
    for at, token in enumerate(ids):
        if isinstance(token, bool) or not isinstance(token, int) or not 0 <= token < tokenizer.vocabulary:
            refuse(f"tokens[{at}]", f"a token id below the vocabulary of {tokenizer.vocabulary}", token)
    text = b"".join(map(tokenizer.piece, ids)).decode(errors="replace")
    return msgspec.json.encode({"prompt": text}), ignored


def _model(fields: Mapping[str, object], backend: Backend) -> Model:
    """The model asked about; where none is named, the one that takes the longest prompt."""
    if fields.get("model") is None:
        return max(backend.models.values(), key=lambda model: model.context_window)
    return requested_model(fields, backend.models)


tokenize = _in_a_thread(_tokenize)
detokenize = _in_a_thread(_detokenize)
