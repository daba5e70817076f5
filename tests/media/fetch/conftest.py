"""The one web server that the tests here fetch from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.media.fetch.sites import Site


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
