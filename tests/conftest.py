"""What tests share: one nano engine for the whole run, since loading it takes longer than most tests."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from mimo.sampling import warm

os.environ.setdefault("GGML_NO_BACKTRACE", "1")


@pytest.fixture(scope="session", autouse=True)
def compiled_kernels() -> None:
    """Compile the sampler before any test has a deadline: on a fresh machine it takes many seconds, once."""
    warm()


@pytest.fixture(scope="session")
async def nano() -> AsyncIterator[object]:
    """A started `LocalEngine` on the shipped model: 24 slots of 1024 tokens, prompt chunks of 64, one thread."""
    from mimo.engines.local.engine import LocalEngine
    from mimo.engines.local.model import ModelOptions
    from mimo.nano import gguf_path

    engine = LocalEngine(gguf_path(), ModelOptions(slots=24, context_window=1024, chunk=64, threads=1), queue=40)
    await engine.start()
    yield engine
    await engine.close()
