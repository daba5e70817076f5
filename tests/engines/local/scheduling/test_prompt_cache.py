"""What was decoded once is not decoded again: in slots, and after them in the prompt cache.

Tokens are counted in the calls of llama.cpp. Requests without a seed reuse any prefix; those with one reuse whole
chunks, and get the same tokens as if nothing had been kept.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.engines.local.nano_requests import ask, collect
from tests.engines.local.other_models import write_mamba, write_qwen35
from tests.requests import token_request

from mimo.contract.errors import EngineError
from mimo.engines.local.engine import LocalEngine, start_local
from mimo.engines.local.model.memory import Memory, cache_limit
from mimo.engines.local.model.options import DecodeCall, ModelOptions
from mimo.nano import gguf_path
from mimo.types import TokenRequest

MIB = 1 << 20


@asynccontextmanager
async def engine(path: Path | None = None, **options: Any) -> AsyncIterator[tuple[LocalEngine, list[DecodeCall]]]:
    calls: list[DecodeCall] = []
    given = {"slots": 2, "context_window": 1024, "threads": 1, "prompt_cache": 64 * MIB, **options}
    started = await start_local(path or gguf_path(), ModelOptions(observer=calls.append, **given))
    calls.clear()
    try:
        yield started, calls
    finally:
        await started.close()


async def answered(found: LocalEngine, request: TokenRequest) -> tuple[list[int], int]:
    """(the tokens, how many of the prompt were found)."""
    stream = found.generate(request)
    drawn = [token for batch in [batch async for batch in stream] for sampled in batch for token in sampled.tokens]
    return drawn, stream.cached_tokens


def decoded(calls: list[DecodeCall]) -> int:
    """Tokens of prompts in `calls`, which are forgotten."""
    count = sum(len(call.slots) for call in calls if not call.step)
    calls.clear()
    return count


def unseeded(prompt: tuple[int, ...], limit: int, **more: Any) -> TokenRequest:
    return token_request(prompt, limit, temperature=0.0, seeded=False, **more)


async def others(found: LocalEngine) -> None:
    """Prompts of somebody else in every slot."""
    requests = [ask(found, f"Other {number}.", 200, max_completion_tokens=1) for number in range(2)]
    await asyncio.gather(*(collect(found, request) for request in requests))


async def test_a_second_turn_decodes_what_is_new_though_other_prompts_took_the_slots() -> None:
    async with engine() as (nano, calls):
        prompt = ask(nano, "My name is Ada.", 300).prompt
        answer, _ = await answered(nano, unseeded(prompt, 50))
        await others(nano)
        calls.clear()
        longer = (*prompt, *answer, *prompt[:30])
        _, cached = await answered(nano, unseeded(longer, 1))
        assert cached >= len(prompt) + len(answer) - 1  # the last token was drawn, and never decoded
        assert decoded(calls) == len(longer) - cached <= 31


async def test_an_agent_of_ten_calls_decodes_every_token_once() -> None:
    async with engine() as (nano, calls):
        prompt = ask(nano, "Use your tools.", 200).prompt
        for _ in range(10):
            answer, cached = await answered(nano, unseeded(prompt, 8))
            assert decoded(calls) == len(prompt) - cached
            await others(nano)
            calls.clear()
            prompt = (*prompt, *answer, *ask(nano, "Result.").prompt[:12])
        _, cached = await answered(nano, unseeded(prompt, 1))
        assert len(prompt) - cached <= 13


async def test_eight_choices_decode_their_prompt_once() -> None:
    async with engine(slots=8) as (nano, calls):
        prompt = ask(nano, "Eight.", 300).prompt
        await collect(nano, unseeded(prompt, 4, n=8))
        assert decoded(calls) <= len(prompt) + 7 * 64


async def test_kept_prompts_change_no_token_of_a_request_with_a_seed() -> None:
    async with engine() as (nano, calls):
        wanted = replace(ask(nano, "Repeat.", 300, logprobs=2), seeded=True)
        first = await collect(nano, wanted)
        await others(nano)
        calls.clear()
        stream = nano.generate(wanted)
        again = [sampled async for batch in stream for sampled in batch]
        assert stream.cached_tokens == 256
        assert decoded(calls) == 300 - 256
        assert again == first[0]  # the floats of the logprobs too: bit for bit


async def test_the_cache_keeps_to_its_bytes_and_drops_what_was_used_longest_ago() -> None:
    """Nano has 5,760 bytes a token: 300 of them are 1.7 MB, and two of those fit into 4 MiB."""
    async with engine(prompt_cache=4 * MIB) as (nano, _):
        prompts = [ask(nano, f"Number {number}.", 300).prompt for number in range(6)]
        for prompt in prompts:
            await asyncio.gather(*(answered(nano, unseeded(prompt, 1)) for _ in range(2)))
            assert nano._scheduler._cache.size <= 4 * MIB
        await others(nano)
        found = [(await answered(nano, unseeded(prompt, 1)))[1] for prompt in (prompts[0], prompts[-1])]
        assert found[0] < 10  # how every prompt begins
        assert found[1] >= 256


async def test_without_a_cache_what_the_slots_lost_is_decoded_again() -> None:
    async with engine(prompt_cache=0) as (nano, _):
        prompt = ask(nano, "Gone.", 300).prompt
        await answered(nano, unseeded(prompt, 1))
        await others(nano)
        assert (await answered(nano, unseeded(prompt, 1)))[1] < 10  # how every prompt begins


@pytest.mark.parametrize("write", [write_qwen35, write_mamba])
async def test_recurrent_models_go_on_from_where_a_prompt_was_noted(tmp_path: Path, write: Any) -> None:
    write(tmp_path / "tiny.gguf")
    async with engine(tmp_path / "tiny.gguf", context_window=512, prompt_cache=0) as (fresh, _):
        prompt = ask(fresh, "Once.", 300).prompt
        changed = (*prompt[:280], *ask(fresh, "Another.", 60).prompt)
        wanted, _ = await answered(fresh, unseeded(changed, 10))
    async with engine(tmp_path / "tiny.gguf", context_window=512) as (tiny, calls):
        await answered(tiny, unseeded(prompt, 10))
        calls.clear()
        same, cached = await answered(tiny, unseeded(changed, 10))
        assert (cached, same) == (256, wanted)
        assert decoded(calls) == len(changed) - 256
        await others(tiny)
        same, cached = await answered(tiny, unseeded(changed, 10))
        assert (cached, same) == (320, wanted)


async def test_what_is_noted_of_a_recurrent_model_counts_as_cache(tmp_path: Path) -> None:
    write_mamba(tmp_path / "mamba.gguf")
    async with engine(tmp_path / "mamba.gguf", slots=8, context_window=512, prompt_cache=40_000) as (mamba, _):
        state = mamba._model.kv.state_size(0, end_only=True)
        prompts = [ask(mamba, f"Number {number}.", 300).prompt for number in range(8)]
        await asyncio.gather(*(answered(mamba, unseeded(prompt, 1)) for prompt in prompts))
        slots, cache = mamba._scheduler._slots.all, mamba._scheduler._cache
        assert state < sum(slot.noted for slot in slots) <= 40_000
        await asyncio.gather(*(answered(mamba, unseeded(prompt, 1)) for prompt in prompts))
        assert sum(slot.noted for slot in slots) + cache.size <= 40_000


async def test_eight_choices_of_a_recurrent_model_share_their_prompt(tmp_path: Path) -> None:
    write_mamba(tmp_path / "mamba.gguf")
    async with engine(tmp_path / "mamba.gguf", slots=8, context_window=512) as (mamba, calls):
        prompt = ask(mamba, "Eight.", 300).prompt
        await collect(mamba, unseeded(prompt, 4, n=8))
        assert decoded(calls) <= len(prompt) + 7 * 80


RESTED = """
import asyncio
from mimo.engines.local.engine import start_local
from mimo.engines.local.model.options import ModelOptions
from mimo.nano import gguf_path
from tests.engines.local.nano_requests import ask
from tests.engines.local.scheduling.test_prompt_cache import answered, unseeded

def held():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

async def main():
    options = ModelOptions(slots=4, context_window=16384, threads=1, prompt_cache=16 << 20, rest_seconds=0.5)
    nano = await start_local(gguf_path(), options)
    before = held()
    prompts = [ask(nano, f"Number {number}.", size).prompt for number, size in enumerate((4000, 4000, 1000))]
    await asyncio.gather(*(answered(nano, unseeded(prompt, 1)) for prompt in prompts))
    used = held()
    async with asyncio.timeout(60):
        while held() > used - (20 << 20):
            await asyncio.sleep(0.1)
    rested = held()
    found = [(await answered(nano, unseeded(prompt, 1)))[1] for prompt in prompts]
    print(used - before, rested - before, *found)
    await nano.close()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="pages are given back on Linux only")
def test_a_server_that_rests_holds_its_cache_and_no_more() -> None:
    """9,000 tokens of 5,760 bytes are 52 MB. A copy has 1,920 bytes a token and the windows: 16 MiB have room
    for one of the long ones, which is that of the lowest slot."""
    root = Path(__file__).parents[4]
    done = subprocess.run(
        [sys.executable, "-c", RESTED], cwd=root, capture_output=True, text=True, timeout=300, check=True
    )
    used, rested, first, *rest = map(int, done.stdout.split())
    assert used > 45e6
    assert rested < 16 * MIB + 15e6, "the cache, and what the first request loads"
    assert first >= 3900
    assert max(rest) < 10  # how every prompt begins


def test_a_cache_that_the_machine_has_no_memory_for_is_refused_in_one_line() -> None:
    memory = Memory(weights=10**9, slot=10**6, slots=4, window=4096, compute=0)
    with pytest.raises(EngineError, match=r"prompt_cache must be at most 949 MiB.*got 2000 MiB") as refused:
        cache_limit(2000 * MIB, memory, 2 * 10**9)
    assert "\n" not in str(refused.value)
    assert cache_limit(900 * MIB, memory, 2 * 10**9) == 900 * MIB
    assert cache_limit(0, memory, 2 * 10**9) == 0


def test_by_default_the_cache_takes_at_most_half_of_what_is_left() -> None:
    memory = Memory(weights=10**9, slot=10**6, slots=4, window=4096, compute=0)
    assert cache_limit(None, memory, memory.total + 10**8) == 5 * 10**7
    assert cache_limit(None, memory, 10**12) == 1024 * MIB
