"""What tests share: one nano engine for the whole run, since loading it takes longer than most tests."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from mimo.sampling import warm

if TYPE_CHECKING:
    from mimo.engines.local.model.options import DecodeCall

os.environ.setdefault("GGML_NO_BACKTRACE", "1")
os.environ["MIMO_CONFIG"] = os.devnull  # no settings file of the person who runs the tests


@pytest.fixture(scope="session", autouse=True)
def compiled_kernels() -> None:
    """Compile the sampler before any test has a deadline: on a fresh machine it takes many seconds, once."""
    warm()


@pytest.fixture(scope="session")
def nano_calls() -> deque[DecodeCall]:
    """The latest calls of llama.cpp by `nano`."""
    return deque(maxlen=10_000)


@pytest.fixture(scope="session")
async def nano(nano_calls: deque[DecodeCall]) -> AsyncIterator[object]:
    """A started `LocalEngine` on the shipped model: 24 slots of 1024 tokens, prompt chunks of 64, one thread; prompts
    are found again in slots alone."""
    from mimo.engines.local.engine import start_local
    from mimo.engines.local.model.options import ModelOptions
    from mimo.nano import gguf_path

    options = ModelOptions(
        slots=24, context_window=1024, chunk=64, threads=1, prompt_cache=0, observer=nano_calls.append
    )
    engine = await start_local(gguf_path(), options, queue=40)
    yield engine
    await engine.close()
