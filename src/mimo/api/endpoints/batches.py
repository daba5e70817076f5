"""/v1/batches as OpenAI's SDK speaks it. What runs them is `batches/worker.py`."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from mimo.api.backend import Backend
from mimo.api.batches.batch import Batch, window_seconds
from mimo.api.body import decode_object
from mimo.api.endpoints.files import owner_of, store_of
from mimo.api.endpoints.pages import page
from mimo.api.exchange import Exchange
from mimo.api.protocols.fields import header_list
from mimo.api.route import Answer
from mimo.contract.checks import mapping, refuse
from mimo.contract.errors import InvalidRequest
from mimo.contract.unknown import unknown_members

_FIELDS = ("input_file_id", "endpoint", "completion_window", "metadata")


def create(endpoints: Collection[str]) -> Answer:
    """The handler that begins a batch for one of `endpoints`."""

    async def answer(backend: Backend, exchange: Exchange, _: str) -> None:
        store = store_of(backend)
        fields = decode_object(
            await exchange.body(backend.body_limit, backend.policy.body_seconds, backend.slow, backend.room)
        )
        ignored = unknown_members(fields, {name: {} for name in _FIELDS}, strict=backend.policy.strict)
        endpoint, file_id, window = (fields.get(name) for name in ("endpoint", "input_file_id", "completion_window"))
        if not isinstance(endpoint, str) or endpoint not in endpoints:
            refuse("endpoint", f"one of {', '.join(endpoints)}", endpoint)
        if not isinstance(file_id, str):
            refuse("input_file_id", "the id of a file", file_id)
        window_seconds(window)
        metadata = _metadata(fields.get("metadata"))
        owner, engine = owner_of(exchange), backend.engine.info.label
        batch = await backend.slow.run(store.create, endpoint, file_id, str(window), owner, engine, metadata)
        backend.new_batch()
        headers = [("x-mimo-ignored", header_list(tuple(ignored)))] if ignored else []
        await exchange.reply(200, msgspec.json.encode(store.wire(batch)), headers=headers)

    return answer


async def batches(backend: Backend, exchange: Exchange, _: str) -> None:
    """A page of the batches."""
    store = store_of(backend)
    found = await backend.slow.run(store.listed, owner_of(exchange))
    await exchange.reply(200, msgspec.json.encode(page([store.wire(one) for one in found], exchange.query, 100)))


async def batch(backend: Backend, exchange: Exchange, batch_id: str) -> None:
    """One batch. Raises `NotFound`."""
    await _reply(backend, exchange, await _get(backend, exchange, batch_id))


async def cancel(backend: Backend, exchange: Exchange, batch_id: str) -> None:
    """Ask a batch to end; what it has until then is kept. Raises `NotFound`, `InvalidRequest` when it has ended."""
    found = await _get(backend, exchange, batch_id)
    if found.ended:
        raise InvalidRequest(f"the batch cannot be cancelled: it is {found.status}", param="id")
    await backend.slow.run(store_of(backend).cancel, found)
    backend.new_batch()
    await _reply(backend, exchange, found)


async def _get(backend: Backend, exchange: Exchange, batch_id: str) -> Batch:
    return await backend.slow.run(store_of(backend).get, batch_id, owner_of(exchange))


async def _reply(backend: Backend, exchange: Exchange, found: Batch) -> None:
    await exchange.reply(200, msgspec.json.encode(store_of(backend).wire(found)))


def _metadata(value: object) -> dict[str, str] | None:
    if value is None:
        return None
    given = mapping(value, "metadata")
    if len(given) > 16 or not all(isinstance(text, str) and len(text) <= 512 for text in given.values()):
        refuse("metadata", "an object of at most 16 strings of at most 512 characters", value)
    return {name: str(text) for name, text in given.items()}
