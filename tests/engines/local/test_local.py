"""The local engine on the real nano: batching, cache, limits, and the same tokens whatever runs beside."""

from __future__ import annotations

import asyncio
import random
from collections import deque

import pytest
from msgspec.structs import replace
from tests.engines.local.nano_requests import ask, collect, prompt, tokens
from tests.requests import constrain, token_request

from mimo.contract.errors import ContextLengthExceeded, InvalidRequest, RateLimitExceeded
from mimo.engines.local.engine import LocalEngine
from mimo.engines.local.model.options import DecodeCall


async def freed(engine: LocalEngine) -> None:
    """Wait until no place is held; the deadline is far beyond one step."""
    async with asyncio.timeout(300):
        while engine.load().running or engine.load().waiting:
            await asyncio.sleep(0.01)


async def test_a_seed_gives_the_same_tokens_and_logprobs_while_sixteen_others_run(nano: LocalEngine) -> None:
    wanted = ask(nano, logprobs=3, max_completion_tokens=60)
    alone = await collect(nano, wanted)
    dice = random.Random(5)

    async def noise(number: int) -> None:
        await asyncio.sleep(dice.random() * 0.3)
        size = dice.randrange(20, 400)
        await collect(nano, ask(nano, str(number), size, seed=number, max_completion_tokens=dice.randrange(5, 80)))

    for _ in range(3):
        crowd = [asyncio.create_task(noise(number)) for number in range(16)]
        await asyncio.sleep(dice.random() * 0.2)
        beside = await collect(nano, wanted)
        await asyncio.gather(*crowd)
        assert beside == alone  # the floats of the logprobs too: bit for bit


async def test_nano_is_exact_for_every_request_with_a_seed(nano: LocalEngine) -> None:
    assert nano.capabilities.repeatable(seed_given=True) == "exact"
    assert nano.capabilities.repeatable(seed_given=False) is None


async def test_streams_far_apart_get_calls_of_their_own_and_the_same_tokens(
    nano: LocalEngine, nano_calls: deque[DecodeCall]
) -> None:
    """Long ones in the first, a middle and the last place; the short ones between them leave idle places."""
    nano_calls.clear()
    long = {at: ask(nano, f"Story {at}.", logprobs=3, seed=at, max_completion_tokens=60) for at in (0, 12, 23)}
    alone = {at: await collect(nano, wanted) for at, wanted in long.items()}
    assert {call.slots for call in nano_calls if call.step} == {(0, 0)}
    short = [ask(nano, str(at), seed=at, max_completion_tokens=4) for at in range(24)]
    everything = [collect(nano, long.get(at, short[at])) for at in range(24)]
    together = await asyncio.gather(*everything)
    assert {at: together[at] for at in long} == alone  # the floats of the logprobs too: bit for bit
    assert {(0, 0), (12, 12), (23, 23)} <= {call.slots for call in nano_calls if call.step}


async def test_a_prefix_hit_changes_no_token(nano: LocalEngine) -> None:
    generation = ask(nano, "Here is a list", 300, logprobs=0, seed=11)
    stream = nano.generate(generation)
    first = [sampled async for batch in stream for sampled in batch]
    again = nano.generate(generation)
    second = [sampled async for batch in again for sampled in batch]
    assert again.cached_tokens == 256  # of 300, in whole chunks of 64
    assert first == second


async def test_generated_tokens_are_not_taken_for_a_prompt_prefix(nano: LocalEngine) -> None:
    """They were decoded in rows of another shape, so their last bits differ from a prompt's."""
    generation = ask(nano, "Count.", 70, seed=3, max_completion_tokens=200)
    answer = tokens((await collect(nano, generation))[0])
    longer = token_request(generation.prompt + tuple(answer), max_completion_tokens=5, seed=1)
    stream = nano.generate(longer)
    _ = [batch async for batch in stream]
    assert stream.cached_tokens == 64


@pytest.mark.parametrize("found", [64, 128, 192])
async def test_the_tokens_do_not_depend_on_how_much_was_cached(nano: LocalEngine, found: int) -> None:
    wanted = ask(nano, f"Cached {found}", 256, logprobs=0, max_completion_tokens=20)
    _ = await collect(nano, replace(wanted, prompt=wanted.prompt[: found + 2], max_completion_tokens=1))
    stream = nano.generate(wanted)
    partly = [sampled async for batch in stream for sampled in batch]
    assert stream.cached_tokens == found
    _ = await asyncio.gather(
        *(collect(nano, ask(nano, str(number), 200, max_completion_tokens=1)) for number in range(24))
    )
    stream = nano.generate(wanted)
    anew = [sampled async for batch in stream for sampled in batch]
    assert stream.cached_tokens == 0
    assert anew == partly


async def test_choices_share_the_prompt_and_draw_apart(nano: LocalEngine) -> None:
    together = await collect(nano, ask(nano, size=200, n=4, max_completion_tokens=20))
    assert len({tuple(tokens(choice)) for choice in together}) == 4
    alone = await collect(nano, ask(nano, size=200, n=1, max_completion_tokens=20))
    assert tokens(together[0]) == tokens(alone[0])


async def test_limit_ends_with_length_after_exactly_so_many_tokens(nano: LocalEngine) -> None:
    (choice,) = await collect(nano, ask(nano, max_completion_tokens=17))
    assert len(tokens(choice)) == 17
    assert [sampled.finish for sampled in choice if sampled.finish] == ["length"]


async def test_the_window_ends_a_generation_with_length(nano: LocalEngine) -> None:
    room = 100
    generation = ask(nano, size=nano.info.context_window - room, max_completion_tokens=4000)
    (choice,) = await collect(nano, generation)
    assert (len(tokens(choice)), choice[-1].finish) == (room, "length")


async def test_a_prompt_without_room_for_a_token_is_refused(nano: LocalEngine) -> None:
    with pytest.raises(ContextLengthExceeded, match=str(nano.info.context_window)):
        nano.generate(token_request((5,) * nano.info.context_window, max_completion_tokens=1))


async def test_a_biased_id_outside_the_vocabulary_is_refused(nano: LocalEngine) -> None:
    with pytest.raises(InvalidRequest, match="vocabulary"):
        nano.generate(token_request((5, 6), max_completion_tokens=1, logit_bias=((nano.tokenizer.vocabulary, 1.0),)))


async def test_a_full_queue_refuses_and_then_recovers(nano: LocalEngine) -> None:
    streams = [nano.generate(ask(nano, str(number), max_completion_tokens=900)) for number in range(24 + 40)]
    with pytest.raises(RateLimitExceeded) as refused:
        nano.generate(ask(nano))
    assert refused.value.headers["retry-after"] == "1"
    for stream in streams:
        stream.close()
    await freed(nano)
    assert len(tokens((await collect(nano, ask(nano)))[0])) == 40


async def test_leaving_frees_the_places_within_a_step(nano: LocalEngine) -> None:
    stream = nano.generate(ask(nano, n=3, max_completion_tokens=900))
    reader = aiter(stream)
    await anext(reader)
    stream.close_choice(1)
    await anext(reader)
    assert nano.load().running <= 3
    await reader.aclose()  # type: ignore[attr-defined]
    await freed(nano)


async def test_a_long_prompt_does_not_hold_up_a_running_stream(nano: LocalEngine) -> None:
    """Between two chunks of a prompt every running stream gets a token: 13 chunks, so at least 10 tokens meanwhile."""
    running = nano.generate(ask(nano, max_completion_tokens=900))
    reader = aiter(running)
    await anext(reader)
    seen = 0
    long = asyncio.create_task(collect(nano, ask(nano, size=13 * 64, max_completion_tokens=1)))
    while not long.done():
        seen += sum(len(sampled.tokens) for sampled in await anext(reader))
    assert seen >= 10
    running.close()
    await freed(nano)


async def test_short_and_long_requests_join_and_leave_in_any_order(nano: LocalEngine) -> None:
    """Seed 1: sixty requests of random lengths, some abandoned; every one that is read to the end is complete."""
    dice = random.Random(1)

    async def one(number: int) -> None:
        limit = dice.randrange(1, 40)
        stream = nano.generate(ask(nano, "a", dice.randrange(1, 400), seed=number, max_completion_tokens=limit))
        leave_after = dice.randrange(1, 20) if number % 3 == 0 else None
        got, finish = 0, None
        async for batch in stream:
            got += sum(len(sampled.tokens) for sampled in batch)
            finish = batch[-1].finish
            if leave_after and got >= leave_after:
                stream.close()
                return
        assert (got, finish) == (limit, "length")

    await asyncio.gather(*(one(number) for number in range(60)))
    await freed(nano)


async def test_budget_forces_the_end_of_thinking(nano: LocalEngine) -> None:
    opened, closed = nano.tokenizer.control("<think>"), nano.tokenizer.control("</think>")
    assert opened is not None and closed is not None
    generation = token_request(
        (*prompt(nano, "What is 12 + 7?", thinking=True), opened),
        max_completion_tokens=30, seed=2, logit_bias=((closed, -100.0),),
        constrain=constrain(nano.tokenizer, thinking=True, thinking_budget=3, in_reasoning=True),
    )  # fmt: skip
    (choice,) = await collect(nano, generation)
    assert tokens(choice).index(closed) == 3


@pytest.mark.parametrize("least", [1, 80])
async def test_the_turn_does_not_end_before_min_tokens(nano: LocalEngine, least: int) -> None:
    end = tuple((token, 100.0) for token in sorted(nano.tokenizer.end_ids))
    wanted = token_request(
        prompt(nano, "Say hi."), 80, min_tokens=least, logit_bias=end, seed=3,
        constrain=constrain(nano.tokenizer, min_tokens=least),
    )  # fmt: skip
    (choice,) = await collect(nano, wanted)
    assert (len(tokens(choice)), choice[-1].finish) == (least, "length" if least == 80 else "stop")
