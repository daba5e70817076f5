"""GET /healthz and /health: whether the process answers. GET /readyz: whether the model does. GET /: where to read."""

from __future__ import annotations

from mimo.api.backend import Backend
from mimo.api.exchange import Exchange
from mimo.contract.errors import ServiceUnavailable


async def health(_: Backend, exchange: Exchange, __: str) -> None:
    """Always fine: an answer is all that is asked for."""
    await exchange.reply(200, b'{"status":"ok"}')


async def root(_: Backend, exchange: Exchange, __: str) -> None:
    """To the documentation. Some clients ask for `/` to see whether anything is there."""
    await exchange.reply(307, b"", headers=[("location", "/docs")])


async def ready(backend: Backend, exchange: Exchange, _: str) -> None:
    """Fine when the engine is there and healthy, and all workers are there: connections are dealt to each of them, and
    wait for one that is not. Raises `ServiceUnavailable`."""
    engine = backend.engine  # raises while there is none
    if not backend.all_started():
        raise ServiceUnavailable("a worker of this server is starting", headers={"retry-after": "1"})
    if not engine.healthy:
        raise ServiceUnavailable("the upstream is down", headers={"retry-after": "5"})
    name = engine.info.engine
    await exchange.reply(200, b'{"status":"ready","engine":"%b"}' % name.encode())
