"""Any GGUF: other families through their own templates, and models whose state cannot be rewound."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.engines.local.other_models import write_llama, write_mamba

from mimo.chat.prompt import chat_format
from mimo.contract.models import MODELS
from mimo.contract.request import ChatRequest
from mimo.contract.resolve import resolve
from mimo.engines.local.engine import LocalEngine, start_local
from mimo.engines.local.model import ModelOptions
from mimo.generate import generate
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


async def answer(engine: LocalEngine, text: str, thinking: bool = False, **wishes: object) -> list[Event]:
    fields = {"max_completion_tokens": 30, "seed": 1, "thinking": {"type": "enabled" if thinking else "disabled"}}
    model = MODELS["mimo-v2-flash"]
    bias = {str(token): -100 for token in engine.tokenizer.end_ids}
    params = resolve({**fields, "logit_bias": bias, **wishes}, model).params
    form = chat_format(engine.chat_template, engine.tokenizer)
    running = generate(ChatRequest(model, params, (Message("user", text),)), engine, form)
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


KINDS = ("F32", "F16", "BF16", "Q4_0", "Q8_0", "Q4_K", "Q6_K")
CROWD = """
import asyncio, sys
from pathlib import Path
from mimo.engines.local.engine import start_local
from mimo.engines.local.model import ModelOptions
from mimo.types import Sampling, TokenRequest

async def collect(engine, at):
    bias = tuple((token, -100.0) for token in engine.tokenizer.end_ids)
    prompt = tuple(range(20 + at, 60 + at))
    sampling = Sampling(1.0, 0.95, 0.0, 0.0, at, bias, 2)
    wanted = TokenRequest(prompt, sampling, max_completion_tokens=12, min_tokens=0, n=1)
    return [sampled async for batch in engine.generate(wanted) for sampled in batch]

async def main():
    engine = await start_local(Path(sys.argv[1]), ModelOptions(slots=12, context_window=256, threads=1), queue=16)
    alone = [await collect(engine, at) for at in range(2)]
    for beside in (1, 2, 3, 8, 11):
        crowd = [collect(engine, at) for at in range(beside + 1)]
        assert (await asyncio.gather(*crowd))[:2] == alone[: beside + 1], f"beside {beside} others"
    await engine.close()

asyncio.run(main())
print("the same")
"""


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_and_logprobs_are_the_same_bits_in_any_company(kind: str, tmp_path: Path) -> None:
    """Rounding depends on which kernel multiplies, and that on the type and the number of rows. A process of its own:
    llama.cpp asks once whether it may use the fast ones."""
    path = tmp_path / f"{kind}.gguf"
    write_llama(path, kind, 512)
    ended = subprocess.run(
        [sys.executable, "-c", CROWD, str(path)], capture_output=True, text=True, timeout=600, check=False
    )
    assert ended.stdout == "the same\n", ended.stderr[-2000:]
