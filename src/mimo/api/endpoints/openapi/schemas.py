"""The shapes in the OpenAPI document: those of every protocol, of the other routes, and of a row of the parameters."""

from __future__ import annotations

from collections.abc import Mapping

from mimo.api.protocols import PROTOCOLS
from mimo.api.protocols.openai_chat.messages import MESSAGES
from mimo.api.protocols.schema import COUNT, STRING, Schema, any_of, obj, ref
from mimo.contract.models import Model
from mimo.contract.rows import Parameter

FLAG: Schema = {"type": "boolean"}


def schemas(models: Mapping[str, Model]) -> Schema:
    """Everything that the paths refer to, by name."""
    model: Schema = {"enum": list(models)}
    found: Schema = _others(model, models)
    for protocol in PROTOCOLS:
        found |= protocol.schemas(model, lambda name: _parameter(name, models))
    return found


def _others(model: Schema, models: Mapping[str, Model]) -> Schema:
    thinking = {name: _parameter(name, models) for name in ("thinking", "reasoning_effort")}
    conversation = {"model": model, "messages": MESSAGES.schema(), **thinking}
    return {
        "TokenizeRequest": any_of(
            obj({"model": model, "text": STRING}, ("text",), closed=True),
            obj(conversation, ("model", "messages"), closed=True),
        ),
        "Tokens": obj({
            "object": {"const": "tokens"}, "count": COUNT, "ids": {"type": "array", "items": COUNT},
            "pieces": {"type": "array", "items": STRING},
        }),
        "VllmTokenizeRequest": any_of(
            obj({"model": model, "prompt": STRING, "return_token_strs": FLAG}, ("prompt",)),
            obj({**conversation, "return_token_strs": FLAG}, ("messages",)),
        ),
        "VllmDetokenizeRequest": obj({"model": model, "tokens": {"type": "array", "items": COUNT}}, ("tokens",)),
        "ModelList": obj({"object": {"const": "list"}, "data": {"type": "array", "items": ref("Model")}}),
        "Model": obj({"id": STRING, "object": {"const": "model"}, "created": COUNT, "owned_by": STRING}),
        "Error": obj({
            "error": obj({
                "code": STRING, "message": STRING, "param": {"type": ["string", "null"]}, "type": {"const": "error"},
            })
        }),
    }  # fmt: skip


def _parameter(name: str, models: Mapping[str, Model]) -> Schema:
    """One row, of the model that allows the most: the document is one for all."""
    row = max(models.values(), key=lambda model: model.max_completion_tokens).parameters[name]
    words = f"{row.description} {row.tip}".strip()
    return {"anyOf": [row.schema(), {"type": "null"}], "default": _json_default(row), "description": words}


def _json_default(row: Parameter) -> object:
    """The default as a value that the field itself may hold; null where it is drawn or depends on the model."""
    fits = {"number": (int, float), "integer": (int,), "boolean": (bool,)}.get(row.type, ())
    return row.default if isinstance(row.default, fits) else None
