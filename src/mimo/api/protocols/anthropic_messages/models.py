"""The models in the form of Anthropic's models API: a page, the only one, and each by itself. Knows no request."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from mimo.api.backend import Backend
from mimo.api.exchange import Exchange
from mimo.api.protocols.schema import COUNT, STRING, Schema, obj, ref
from mimo.contract.models import Model, find_model
from mimo.engines.base import EngineInfo

SCHEMAS: Schema = {
    "AnthropicModelList": obj({
        "data": {"type": "array", "items": ref("AnthropicModel")}, "has_more": {"type": "boolean"},
        "first_id": STRING, "last_id": STRING,
    }),
    "AnthropicModel": obj({
        "type": {"const": "model"}, "id": STRING, "display_name": STRING, "created_at": STRING,
        "lifecycle": {"const": "active"}, "max_input_tokens": COUNT, "max_tokens": COUNT,
    }),
}  # fmt: skip


async def models(backend: Backend, exchange: Exchange, _: str) -> None:
    """Every model."""
    data = [_object(row, backend.engine.info) for row in backend.models.values()]
    page = {"data": data, "has_more": False, "first_id": data[0]["id"], "last_id": data[-1]["id"]}
    await exchange.reply(200, msgspec.json.encode(page))


async def model(backend: Backend, exchange: Exchange, model_id: str) -> None:
    """One model. Raises `NotFound`."""
    row = find_model(model_id, backend.models)
    await exchange.reply(200, msgspec.json.encode(_object(row, backend.engine.info)))


def _object(model: Model, served_by: EngineInfo) -> dict[str, object]:
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.id,
        "created_at": datetime.fromtimestamp(model.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycle": "active",
        "max_input_tokens": min(model.context_window, served_by.context_window),
        "max_tokens": model.max_completion_tokens,
    }
