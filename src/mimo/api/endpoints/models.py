"""GET /v1/models and /v1/models/{id}: the contract as data, so that a client can draw its controls from it.

A protocol may have a form of its own for them (`Protocol.shared`).
Reads the models, their parameters and the engine's own card; knows nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from mimo.api.backend import Backend
from mimo.api.exchange import Exchange
from mimo.contract.models import Model, find_model
from mimo.contract.rows import Parameter
from mimo.engines.base import EngineInfo


async def models(backend: Backend, exchange: Exchange, _: str) -> None:
    """Every model as a list object."""
    data = _objects(backend, backend.models.values())
    await exchange.reply(200, msgspec.json.encode({"object": "list", "data": data}))


async def model(backend: Backend, exchange: Exchange, model_id: str) -> None:
    """One model. Raises `NotFound`."""
    await exchange.reply(200, msgspec.json.encode(_objects(backend, [find_model(model_id, backend.models)])[0]))


def _objects(backend: Backend, rows: Iterable[Model]) -> list[dict[str, object]]:
    return [describe_model(row, backend.engine.info, backend.engine.capabilities.media) for row in rows]


def describe_model(model: Model, served_by: EngineInfo, media: Collection[str] = ()) -> dict[str, object]:
    """The model object: what is promised, and who really answers. `media`: the kinds that the engine takes, text
    aside."""
    return {
        **describe_promise(model),
        "served_by": {
            "engine": served_by.engine,
            "model": served_by.model,
            "context_window": min(model.context_window, served_by.context_window),
            "input": [kind for kind in model.input if kind == "text" or kind in media],
            "system_fingerprint": served_by.fingerprint,
        },
    }


def describe_promise(model: Model) -> dict[str, object]:
    """OpenAI's four fields, contract section 1 and the parameters: the same on every engine."""
    return {
        "id": model.id,
        "object": "model",
        "created": model.created,
        "owned_by": "mimo",
        "input": list(model.input),
        "thinking": model.thinking,
        "context_window": model.context_window,
        "max_completion_tokens": model.max_completion_tokens,
        "rate_limits": {
            "requests_per_minute": model.requests_per_minute,
            "tokens_per_minute": model.tokens_per_minute,
        },
        "prices": [
            {
                "currency": "USD", "per_tokens": 1_000_000, "above_prompt_tokens": price.above,
                "input": price.input, "cached_input": price.cached_input, "output": price.output,
            }
            for price in model.prices
        ],
        "parameters": [describe_parameter(row) for row in model.parameters.values()],
    }  # fmt: skip


def describe_parameter(row: Parameter) -> dict[str, object]:
    """One row of a model's table; absent bounds are null."""
    return {
        "name": row.name,
        "type": row.type,
        "default": row.default,
        "minimum": row.minimum,
        "maximum": row.maximum,
        "recommended": list(row.recommended) if row.recommended else None,
        "description": row.description,
        "tip": row.tip,
        "status": row.status,
    }
