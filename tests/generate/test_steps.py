"""The two steps of a request, without a server: what is prepared, and what starting it gives."""

from __future__ import annotations

import pytest

from mimo.chat.prompt import ChatFormat, chat_format
from mimo.contract.errors import ContextLengthExceeded, InvalidRequest, RateLimitExceeded
from mimo.contract.models import MODELS
from mimo.contract.request import ChatRequest, Params
from mimo.contract.resolve import resolve
from mimo.engines.scripted.engine import ScriptedEngine
from mimo.engines.scripted.script import Script, ScriptedAnswer
from mimo.generate.prepare import is_quick, prepare
from mimo.generate.request import TextRequest
from mimo.generate.start import start
from mimo.types import ContentDelta, Echo, Event, Finish, Message, Usage

FLASH = MODELS["mimo-v2-flash"]
TOOL = {"type": "function", "function": {"name": "look"}}


def params(**fields: object) -> Params:
    return resolve({"seed": 1, **fields}, FLASH).params


def chat(**fields: object) -> ChatRequest:
    return ChatRequest(FLASH, params(**fields), (Message("user", "Hello"),))


def engine_of(*steps: str, **script: int) -> ScriptedEngine:
    return ScriptedEngine(Script([ScriptedAnswer(list(steps))], **script))


def form_of(engine: ScriptedEngine) -> ChatFormat:
    return chat_format(engine.chat_template, engine.tokenizer)


async def events_of(request: ChatRequest | TextRequest, engine: ScriptedEngine) -> list[Event]:
    stream = start(prepare(request, engine, form_of(engine)), engine)
    return [event async for batch in stream for event in batch]


async def test_messages_come_out_as_events_that_end_in_the_counts() -> None:
    engine = engine_of("Good", " day")
    events = await events_of(chat(), engine)
    assert "".join(event.text for event in events if isinstance(event, ContentDelta)) == "Good day"
    prepared = prepare(chat(), engine, form_of(engine))
    assert events[-1] == Usage(
        prompt_tokens=prepared.prompt_tokens, completion_tokens=2, reasoning_tokens=0, cached_tokens=0
    )


async def test_an_answer_may_be_cut_after_it_was_prepared() -> None:
    engine = engine_of(*"abcdef")
    prepared = prepare(chat(min_tokens=5), engine, form_of(engine)).no_longer_than(2)
    events = [event async for batch in start(prepared, engine) for event in batch]
    assert "".join(event.text for event in events if isinstance(event, ContentDelta)) == "ab"
    assert Finish(0, "length") in events


async def test_a_prompt_that_the_full_queue_refuses_takes_those_before_it_back() -> None:
    engine = engine_of("yes", queue=2)
    request = TextRequest(FLASH, params(), {"prompt[0]": "a", "prompt[1]": "b", "prompt[2]": "c"})
    with pytest.raises(RateLimitExceeded):
        start(prepare(request, engine, form_of(engine)), engine)
    assert engine.load().running == 0
    events = await events_of(chat(), engine)
    assert Finish(0, "stop") in events


async def test_a_raw_prompt_echoed_with_no_token_after_it_is_all_of_the_answer() -> None:
    fields = params(max_completion_tokens=1)
    request = TextRequest(FLASH, fields, {"prompt": (72, 105)}, echo=True)
    engine = engine_of("x")
    prepared = prepare(request, engine, form_of(engine)).no_longer_than(0)
    events = [event async for batch in start(prepared, engine) for event in batch]
    assert [event.tokens for event in events if isinstance(event, Echo)] == [(72, 105)]
    assert not [event for event in events if isinstance(event, ContentDelta)]
    assert Finish(0, "length") in events


def test_a_token_id_outside_the_vocabulary_is_refused_by_its_place() -> None:
    engine = engine_of("x")
    request = TextRequest(FLASH, params(), {"prompt[1]": (1, engine.tokenizer.vocabulary)})
    with pytest.raises(InvalidRequest, match=r"^prompt\[1\]\[1\] must be a token id below the vocabulary"):
        prepare(request, engine, form_of(engine))


def test_a_prompt_longer_than_the_window_is_refused_before_anything_starts() -> None:
    engine = engine_of("x", context_window=16)
    with pytest.raises(ContextLengthExceeded):
        prepare(TextRequest(FLASH, params(), {"prompt": "long " * 1000}), engine, form_of(engine))
    assert engine.load().running == 0


@pytest.mark.parametrize(
    ("fields", "quick"),
    [({}, True), ({"tools": [TOOL]}, False), ({"response_format": {"type": "json_object"}}, False)],
    ids=str,
)
def test_what_may_compile_a_grammar_does_not_run_on_the_event_loop(fields: dict[str, object], quick: bool) -> None:
    engine = engine_of("x")
    assert is_quick(chat(**fields), form_of(engine)) is quick
