"""Any GGUF: other families through their own templates, and models whose state cannot be rewound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.engines.local.other_models import write_llama, write_mamba

from mimo.chat.prompt import chat_format
from mimo.contract.models import MODELS
from mimo.contract.request import ChatRequest
from mimo.contract.resolve import resolve
from mimo.engines.local.engine import LocalEngine, start_local
from mimo.engines.local.model.options import ModelOptions
from mimo.generate.prepare import prepare
from mimo.generate.start import start
from mimo.types import ContentDelta, Event, Message, ReasoningDelta, Usage


@pytest.fixture(scope="module", params=[write_llama, write_mamba], ids=["llama", "mamba"])
async def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[LocalEngine]:
    write: Callable[[Path], None] = request.param
    path = tmp_path_factory.mktemp("models") / "tiny.gguf"
    write(path)
    engine = await start_local(path, ModelOptions(slots=4, threads=1, chunk=32), queue=16)
    yield engine
    await engine.close()


async def answer(engine: LocalEngine, text: str, thinking: bool = False, **asked: object) -> list[Event]:
    fields = {"max_completion_tokens": 30, "seed": 1, "thinking": {"type": "enabled" if thinking else "disabled"}}
    model = MODELS["mimo-v2-flash"]
    bias = {str(token): -100 for token in engine.tokenizer.end_ids}
    params = resolve({**fields, "logit_bias": bias, **asked}, model).params
    form = chat_format(engine.chat_template, engine.tokenizer)
    request = ChatRequest(model, params, (Message("user", text),))
    running = start(prepare(request, engine, form), engine)
    return [event async for events in running for event in events]


def text_of(events: list[Event], kind: type[ContentDelta] | type[ReasoningDelta]) -> str:
    return "".join(event.text for event in events if isinstance(event, kind))


async def test_it_answers_through_its_own_template(engine: LocalEngine) -> None:
    events = await answer(engine, "Hello <|im_end|>")
    assert text_of(events, ContentDelta)
    usage = events[-1]
    assert isinstance(usage, Usage)
    assert (usage.completion_tokens, usage.reasoning_tokens) == (30, 0)


async def test_a_template_that_opens_thinking_begins_in_reasoning(engine: LocalEngine) -> None:
    closed = engine.tokenizer.control("</think>")
    events = await answer(engine, "Hello", thinking=True, logit_bias={str(closed): -100})
    assert text_of(events, ReasoningDelta)
    assert not text_of(events, ContentDelta)


async def test_the_same_seed_gives_the_same_text_alone_and_one_after_another(engine: LocalEngine) -> None:
    first = await answer(engine, "Tell me a story")
    assert text_of(await answer(engine, "Tell me a story"), ContentDelta) == text_of(first, ContentDelta)
    assert text_of(await answer(engine, "Tell me a story", seed=2), ContentDelta) != text_of(first, ContentDelta)


async def test_many_at_once_are_all_complete(engine: LocalEngine) -> None:
    crowd = await asyncio.gather(*(answer(engine, f"{number} " * number, seed=number) for number in range(12)))
    for events in crowd:
        usage = events[-1]
        assert isinstance(usage, Usage) and usage.completion_tokens == 30
