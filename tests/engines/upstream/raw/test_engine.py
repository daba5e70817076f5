"""Finding an upstream: whatever it says of itself, the start ends in an engine or in one error."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from tests.engines.upstream import fakes
from tests.engines.upstream.fakes import Fake

from mimo.contract.errors import EngineError
from mimo.engines import ENGINES
from mimo.engines.upstream.options import UpstreamOptions
from mimo.nano import gguf_path


async def started(engine: str, fake: Fake, **options: Any) -> Any:
    module = import_module(ENGINES[engine].module)
    return await module.start(module.Options((fake.url,), upstream_wait=0, upstream_timeout=2, **options))


LONG = "x" * 10_000
ODD: list[tuple[str, str, Any]] = [
    ("llama-server", "/props", {}),
    ("llama-server", "/props", []),
    ("llama-server", "/props", {"default_generation_settings": {"n_ctx": "many"}}),
    ("llama-server", "/props", {"default_generation_settings": {"n_ctx": 0}}),
    ("llama-server", "/props", {"default_generation_settings": {"n_ctx": -5}}),
    ("vllm", "/v1/models", {}),
    ("vllm", "/v1/models", {"data": [{"max_model_len": 512}]}),
    ("vllm", "/v1/models", {"data": [{"id": "a", "max_model_len": None}]}),
    ("vllm", "/v1/models", {"data": [{"id": "a", "max_model_len": -1}]}),
    ("sglang", "/get_server_info", []),
    ("sglang", "/get_server_info", {"context_length": -7}),
    ("sglang", "/get_server_info", {"context_length": 1}),
]


@pytest.mark.parametrize(("engine", "path", "answer"), ODD)
async def test_an_upstream_that_says_nothing_usable_of_itself_is_one_error(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, engine: str, path: str, answer: Any
) -> None:
    monkeypatch.setitem(fakes.DISCOVERY, path, answer)
    with pytest.raises(EngineError, match="upstream"):
        await started(engine, fake, tokenizer=gguf_path())


@pytest.mark.parametrize("named", [LONG, "a\0b", 17, "/no/such/folder"])
async def test_a_model_that_cannot_be_read_from_here_needs_the_tokenizer_setting(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, named: Any
) -> None:
    props = {"default_generation_settings": {"n_ctx": 512}, "model_path": str(named)}
    models = {"data": [{"id": "a", "root": named, "max_model_len": 512}]}
    monkeypatch.setitem(fakes.DISCOVERY, "/props", props)
    monkeypatch.setitem(fakes.DISCOVERY, "/v1/models", models)
    monkeypatch.setitem(fakes.DISCOVERY, "/get_model_info", {"model_path": named})
    for engine in ("llama-server", "vllm", "sglang"):
        with pytest.raises(EngineError, match="--tokenizer"):
            await started(engine, fake)


async def test_load_and_health_are_there_from_the_start(fake: Fake) -> None:
    engine = await started("vllm", fake, tokenizer=gguf_path(), media=("image",))
    try:
        assert engine.healthy and engine.load().running == 0
        assert engine.capabilities.media == ("image",) and engine.capabilities.grammar
    finally:
        await engine.close()


@pytest.mark.parametrize(
    "url", ["foo", "ftp://x", "http://", "http://a b", "http://[::1", "127.0.0.1:8001", "http://x:y"]
)
@pytest.mark.parametrize("engine", ["vllm", "hosted"])
async def test_what_is_no_address_is_refused_at_once(engine: str, url: str) -> None:
    module = import_module(ENGINES[engine].module)
    options = module.Options((url,), upstream_model="m", upstream_wait=60)
    with pytest.raises(EngineError, match="upstream must be an address such as http://"):
        await module.start(options)


async def test_without_an_address_no_upstream_starts() -> None:
    with pytest.raises(EngineError, match="--upstream"):
        UpstreamOptions(())
