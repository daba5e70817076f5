"""GET /metrics: counts, times and gauges for Prometheus. `telemetry/table.py` says what they are."""

from __future__ import annotations

from mimo.api.backend import Backend
from mimo.api.exchange import Exchange
from mimo.contract.errors import NotFound

TEXT = "text/plain"


async def metrics(backend: Backend, exchange: Exchange, _: str) -> None:
    """The page, in the form that the client asks for. Raises `NotFound` where the operator wants none."""
    if backend.metrics is None:
        raise NotFound("metrics are off here: start the server with --metrics open or --metrics key")
    content_type, body = await backend.metrics(backend, exchange.header("accept") or "")
    await exchange.reply(200, body, content_type)
