"""The whole way with calls and JSON: through the scripted engine that draws at random, and through nano."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import jsonschema
import pytest
from tests.constraints.schemas import SCHEMAS, VALUES, arguments

from mimo.chat.prompt import chat_format
from mimo.constraints.plan import offered_calls
from mimo.contract.errors import InvalidRequest, UnsupportedParameter
from mimo.contract.models import MODELS
from mimo.contract.request import ChatRequest
from mimo.contract.resolve import resolve
from mimo.engines.base import Capabilities, Engine
from mimo.engines.scripted.engine import ScriptedEngine
from mimo.engines.scripted.script import Script, ScriptedAnswer, Step
from mimo.generate.prepare import prepare
from mimo.generate.start import start
from mimo.tokenizers.bytes import ByteTokenizer
from mimo.types import CompleteCall, ContentDelta, Event, Finish, Message, ReasoningDelta, Tool, Usage

FLASH = MODELS["mimo-v2-flash"]
CITY = {"type": "string", "pattern": "^[A-Z][a-z]{1,9}$"}
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": CITY, "days": {"type": "integer", "minimum": 1, "maximum": 9}},
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    },
}
STRICT = {**WEATHER, "function": {**WEATHER["function"], "strict": True}}
CLOCK: dict[str, Any] = {"type": "function", "function": {"name": "get_time"}}
PERSON = {
    "type": "object",
    "properties": {
        "name": CITY,
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "kind": {"enum": ["é", "b"]},
    },
    "required": ["name", "age", "kind"],
    "additionalProperties": False,
}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}
ON = {"type": "enabled"}
PLAIN = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
"""A template that knows no tools."""


def scripted(*steps: Step) -> ScriptedEngine:
    return ScriptedEngine(Script([ScriptedAnswer(list(steps))], context_window=100_000))


def noise(count: int = 3000) -> ScriptedEngine:
    return scripted({"repeat": count, "steps": [{"random": True}]})


async def answer(engine: Engine, limit: int = 2000, **fields: object) -> list[Event]:
    """All events of the answer to one question; `fields` as on the wire."""
    params = resolve({"seed": 1, "max_completion_tokens": limit, "top_p": 1, **fields}, FLASH).params
    request = ChatRequest(FLASH, params, (Message("user", "Weather in Oslo?"),))
    stream = start(prepare(request, engine, chat_format(engine.chat_template, engine.tokenizer)), engine)
    try:
        return [event for batch in [batch async for batch in stream] for event in batch]
    finally:
        stream.close()


def content(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, ContentDelta))


def reasoning(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, ReasoningDelta))


def calls(events: Sequence[Event]) -> list[tuple[str, dict[str, Any]]]:
    return [(event.name, json.loads(event.arguments)) for event in events if isinstance(event, CompleteCall)]


def ending(events: Sequence[Event]) -> str:
    (end,) = [event for event in events if isinstance(event, Finish)]
    return end.reason


def usage(events: Sequence[Event]) -> Usage:
    assert isinstance(events[-1], Usage)
    return events[-1]


def check_weather(found: list[tuple[str, dict[str, Any]]]) -> None:
    for name, given in found:
        assert name in ("get_weather", "get_time")
        if name == "get_weather":
            jsonschema.validate(given, WEATHER["function"]["parameters"])


@pytest.mark.parametrize("seed", range(6))
async def test_required_gives_at_least_one_call_and_no_text(seed: int) -> None:
    events = await answer(noise(), tools=[WEATHER, CLOCK], tool_choice="required", seed=seed)
    if ending(events) == "tool_calls":  # a random model may go on calling until the limit
        assert calls(events) and content(events) == ""
    check_weather(calls(events))


@pytest.mark.parametrize("seed", range(6))
async def test_a_named_function_is_called_and_without_parallel_once(seed: int) -> None:
    events = await answer(
        noise(), tools=[CLOCK, WEATHER], tool_choice={"type": "function", "function": {"name": "get_weather"}},
        parallel_tool_calls=False, seed=seed,
    )  # fmt: skip
    assert [name for name, _ in calls(events)] == ["get_weather"] and ending(events) == "tool_calls"
    check_weather(calls(events))


async def test_with_a_strict_tool_text_is_free_and_calls_are_constrained() -> None:
    engine = scripted("I look. ", "<tool_call>", "\n", "nonsense", {"repeat": 400, "steps": [{"random": True}]})
    for seed in range(4):
        events = await answer(engine, tools=[STRICT, CLOCK], seed=seed, parallel_tool_calls=False)
        assert content(events) == "I look. " and len(calls(events)) == 1 and ending(events) == "tool_calls"
        check_weather(calls(events))
    plain = await answer(scripted("Just text."), tools=[STRICT])
    assert content(plain) == "Just text." and ending(plain) == "stop"


async def test_parallel_off_ends_the_turn_after_the_first_call_of_a_free_model_too() -> None:
    call = "<tool_call>", "\n<function=get_time>\n</function>\n", "</tool_call>"
    events = await answer(scripted(*call, *call, "more"), tools=[CLOCK], parallel_tool_calls=False)
    assert calls(events) == [("get_time", {})] and content(events) == ""
    assert usage(events).completion_tokens == 3
    both = await answer(scripted(*call, *call), tools=[CLOCK])
    assert len(calls(both)) == 2


async def test_with_tool_choice_none_a_call_is_text() -> None:
    call = "<tool_call>", "\n<function=get_time>\n</function>\n", "</tool_call>"
    events = await answer(scripted(*call), tools=[CLOCK], tool_choice="none")
    assert calls(events) == [] and content(events) == "".join(call) and ending(events) == "stop"


@pytest.mark.parametrize("seed", range(6))
async def test_json_forms_hold_the_answer_of_any_model(seed: int) -> None:
    events = await answer(noise(), response_format=JSON_SCHEMA, seed=seed)
    assert ending(events) == "stop"
    jsonschema.validate(json.loads(content(events)), PERSON)
    beside = await answer(noise(), response_format={"type": "json_object", "schema": PERSON}, seed=seed)
    assert content(beside) == content(events)
    anything = await answer(noise(), response_format={"type": "json_object"}, seed=seed)
    if ending(anything) == "stop":
        assert isinstance(json.loads(content(anything)), dict)
    assert content(anything).startswith("{")


async def test_the_end_of_the_turn_comes_only_where_the_json_is_complete() -> None:
    engine = scripted('{"name":', "<|im_end|>", ' "Eve"', ', "age": 3', "<|im_end|>", ', "kind": "b"}')
    assert content(await answer(engine, response_format=JSON_SCHEMA)) == '{"name": "Eve", "age": 3, "kind": "b"}'


async def test_white_space_in_json_never_runs_on() -> None:
    engine = scripted("{", {"repeat": 500, "steps": [" "]}, {"repeat": 500, "steps": ["\n"]})
    events = await answer(engine, response_format=JSON_SCHEMA)
    assert ending(events) == "stop" and len(content(events)) < 300
    jsonschema.validate(json.loads(content(events)), PERSON)


async def test_with_tools_and_a_json_form_the_answer_is_either() -> None:
    call = "<tool_call>", "\n<function=get_time>\n</function>\n", "</tool_call>"
    events = await answer(scripted("text", *call), tools=[CLOCK], response_format=JSON_SCHEMA)
    assert calls(events) == [("get_time", {})] and content(events) == ""
    written = '{"name": "Eve", "age": 3, "kind": "b"}'
    assert content(await answer(scripted("text", written), tools=[CLOCK], response_format=JSON_SCHEMA)) == written


@pytest.mark.parametrize("seed", range(4))
async def test_with_thinking_on_only_the_answer_is_constrained(seed: int) -> None:
    thought = "<think>", "not { json", " at all", "</think>"
    events = await answer(scripted(*thought, {"repeat": 900, "steps": [{"random": True}]}), thinking=ON, seed=seed,
                          response_format=JSON_SCHEMA)  # fmt: skip
    assert reasoning(events) == "not { json at all"
    jsonschema.validate(json.loads(content(events)), PERSON)
    assert usage(events).reasoning_tokens == 2
    forced = await answer(scripted(*thought, "no"), thinking=ON, tools=[WEATHER], tool_choice="required", seed=seed)
    assert reasoning(forced) == "not { json at all" and calls(forced)
    check_weather(calls(forced))


@pytest.mark.parametrize("asked", [{"response_format": JSON_SCHEMA}, {"tools": [WEATHER], "tool_choice": "required"}])
@pytest.mark.parametrize("budget", [0, 1, 5])
async def test_a_budget_closes_the_thinking_and_a_constrained_answer_follows(
    asked: dict[str, object], budget: int
) -> None:
    steps: list[Step] = ["<think>", {"repeat": 900, "steps": [{"random": True}]}]
    events = await answer(scripted(*steps), thinking={**ON, "budget_tokens": budget}, **asked)
    assert usage(events).reasoning_tokens <= budget
    if "tools" in asked:
        assert calls(events)
    else:
        jsonschema.validate(json.loads(content(events)), PERSON)


async def test_a_free_call_inside_the_thinking_ends_the_budget_too() -> None:
    call = "<tool_call>", "\n<function=get_time>", "\n</function>", "\n", "</tool_call>"
    events = await answer(scripted("<think>", "hm", *call), thinking={**ON, "budget_tokens": 2}, tools=[CLOCK])
    assert calls(events) == [("get_time", {})] and (reasoning(events), content(events)) == ("hm", "")


async def test_a_budget_brings_an_answer_where_the_grammar_would_let_it_be_empty() -> None:
    engine = scripted("<think>", "hm", "</think>", "<|im_end|>", "well")
    events = await answer(engine, 50, thinking={**ON, "budget_tokens": 5}, tools=[STRICT])
    assert content(events) == "well"


async def test_the_turn_cannot_end_inside_the_thinking_of_a_constrained_answer() -> None:
    engine = scripted("<think>", "hm", "<|im_end|>", "</think>")
    events = await answer(engine, thinking=ON, response_format=JSON_SCHEMA)
    assert reasoning(events) == "hm" and json.loads(content(events))


async def test_a_call_inside_the_thinking_ends_it_and_is_constrained() -> None:
    engine = scripted("<think>", "hm", "<tool_call>", {"repeat": 500, "steps": [{"random": True}]})
    events = await answer(engine, thinking=ON, tools=[WEATHER], tool_choice="required", parallel_tool_calls=False)
    assert reasoning(events) == "hm" and usage(events).reasoning_tokens == 1 and content(events) == ""
    assert [name for name, _ in calls(events)] == ["get_weather"]
    check_weather(calls(events))


async def test_the_same_seed_gives_the_same_answer_under_a_grammar() -> None:
    asked: dict[str, object] = {"response_format": JSON_SCHEMA, "seed": 5}
    assert content(await answer(noise(), **asked)) == content(await answer(noise(), **asked))
    assert content(await answer(noise(), **asked)) != content(await answer(noise(), **{**asked, "seed": 6}))


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"tools": [{**STRICT, "function": {**STRICT["function"], "parameters": {"anyOf": [{}]}}}]},
         "tools[0].function.parameters.anyOf"),
        ({"tools": [CLOCK, {**STRICT, "function": {**STRICT["function"], "parameters": arguments(
            a={"type": "string", "pattern": "(?=x)"})}}]}, "tools[1].function.parameters"),
        ({"tools": [{**STRICT, "function": {**STRICT["function"], "parameters": arguments(
            a={"type": "string", "minLength": 3, "maxLength": 2})}}]}, "tools[0].function.parameters"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "integer", "minimum": 3,
            "maximum": 2}}}}, "response_format.json_schema.schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"oneOf": [{"type": "string"},
            {"maxLength": 3}]}}}}, "response_format.json_schema.schema"),
    ],
)  # fmt: skip
async def test_what_the_library_cannot_hold_is_refused_by_its_path_before_sampling(
    fields: dict[str, object], where: str
) -> None:
    engine = noise()
    with pytest.raises(InvalidRequest) as refused:
        await answer(engine, **fields)
    assert refused.value.param == where and engine.load().running == 0


async def test_a_model_whose_calls_nobody_can_read_refuses_tools() -> None:
    engine = noise()
    engine.chat_template = "{{ tools }}{{ messages[0].content }}"  # no form of call in it
    with pytest.raises(UnsupportedParameter) as refused:
        await answer(engine, tools=[CLOCK])
    assert refused.value.param == "tools"


def test_the_markers_of_a_hermes_template_are_text_where_the_vocabulary_lacks_them() -> None:
    class Without(ByteTokenizer):
        def control(self, name: str) -> int | None:
            return None if "tool_call" in name else super().control(name)

    template = '{{ tools | tojson }}<tool_call>{"arguments"}</tool_call>'
    for tokenizer, spelled in ((ByteTokenizer(), False), (Without(), True)):
        found = offered_calls([Tool("f")], template, tokenizer)
        assert found is not None and found.spelled is spelled
    with pytest.raises(UnsupportedParameter):
        offered_calls([Tool("f")], "<function=", Without())


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}])
async def test_a_model_whose_template_knows_no_calls_is_constrained_to_calls_written_out(
    choice: object,
) -> None:
    engine = noise()
    engine.chat_template = PLAIN
    tools = [CLOCK, WEATHER] if isinstance(choice, dict) else [WEATHER]
    events = await answer(engine, tools=tools, tool_choice=choice, parallel_tool_calls=False)
    assert [name for name, _ in calls(events)] == ["get_weather"]
    check_weather(calls(events))


async def test_spelled_calls_of_a_strict_tool_fit_it_and_text_between_them_is_free() -> None:
    engine = noise(200)
    engine.chat_template = PLAIN
    for _ in range(5):
        events = await answer(engine, 200, tools=[STRICT])
        check_weather(calls(events))
        assert ending(events) in ("length", "stop", "tool_calls")


async def test_a_spelled_call_is_read_wherever_the_tokens_cut_it() -> None:
    call = '<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>'
    text = f'So: {call}\n<tool_call>{{"name": "get_time"}}</tool_call>'
    for size in (1, 2, 3, 7, 11, 500):
        engine = scripted(*[text[at : at + size] for at in range(0, len(text), size)])
        engine.chat_template = PLAIN
        events = await answer(engine, tools=[CLOCK])
        assert calls(events) == [("get_time", {}), ("get_time", {})] and ending(events) == "tool_calls"
        assert "".join(event.text for event in events if isinstance(event, ContentDelta)) == "So: "


@pytest.mark.parametrize(
    "text", ["<tool_cal", "a <tool_call", "<tool_call>nonsense</tool_call> b", '<tool_call> {"name": "x"}']
)
async def test_what_is_no_call_is_text_to_the_byte(text: str) -> None:
    for size in (1, 4, 500):
        engine = scripted(*[text[at : at + size] for at in range(0, len(text), size)])
        engine.chat_template = PLAIN
        events = await answer(engine, tools=[CLOCK])
        assert calls(events) == [] and ending(events) == "stop"
        assert "".join(event.text for event in events if isinstance(event, ContentDelta)) == text


async def test_a_stop_text_is_not_looked_for_in_a_spelled_call() -> None:
    engine = scripted('hi <tool_call>{"name": "get_time", "arguments": {"a": "STOP"}}</tool_call>')
    engine.chat_template = PLAIN
    events = await answer(engine, tools=[CLOCK], stop=["STOP"])
    assert calls(events) == [("get_time", {"a": "STOP"})]


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"response_format": JSON_SCHEMA}, "response_format"), ({"tools": [STRICT]}, "tools"),
        ({"tools": [CLOCK], "tool_choice": "required"}, "tool_choice"),
    ],
)  # fmt: skip
async def test_an_engine_that_cannot_hold_a_grammar_refuses_by_name(fields: dict[str, object], where: str) -> None:
    engine = noise()
    engine.capabilities = Capabilities()
    with pytest.raises(UnsupportedParameter) as refused:
        await answer(engine, **fields)
    assert refused.value.param == where
    assert ending(await answer(engine, 5, tools=[CLOCK])) in ("length", "stop")


async def test_a_qwen_template_gets_and_gives_calls_in_json() -> None:
    engine = noise()
    engine.chat_template = (
        '{{ tools | tojson }}{% for m in messages %}{{ m.content }}{% endfor %}<tool_call>{"arguments"}</tool_call>'
    )
    events = await answer(engine, tools=[WEATHER], tool_choice="required", parallel_tool_calls=False)
    assert [name for name, _ in calls(events)] == ["get_weather"]
    check_weather(calls(events))


# nano: hot enough to be all but random

HOT = {"temperature": 2, "top_p": 1, "logit_bias": {}}


@pytest.mark.parametrize("seed", range(4))
async def test_nano_is_constrained_to_json_whatever_it_would_say(nano: Engine, seed: int) -> None:
    events = await answer(nano, 300, response_format=JSON_SCHEMA, seed=seed, **HOT)
    assert ending(events) == "stop"
    jsonschema.validate(json.loads(content(events)), PERSON)


@pytest.mark.parametrize("seed", range(4))
async def test_nano_is_constrained_to_a_call_whatever_it_would_say(nano: Engine, seed: int) -> None:
    events = await answer(
        nano, 300, tools=[CLOCK, WEATHER], tool_choice={"type": "function", "function": {"name": "get_weather"}},
        parallel_tool_calls=False, seed=seed, **HOT,
    )  # fmt: skip
    assert [name for name, _ in calls(events)] == ["get_weather"] and ending(events) == "tool_calls"
    check_weather(calls(events))


async def test_nano_thinks_freely_and_is_then_constrained(nano: Engine) -> None:
    events = await answer(nano, 400, response_format=JSON_SCHEMA, thinking={**ON, "budget_tokens": 40}, **HOT)
    assert usage(events).reasoning_tokens <= 40
    jsonschema.validate(json.loads(content(events)), PERSON)


async def test_nano_under_many_schemas_fits_each(nano: Engine) -> None:
    """What ends within the limit fits; the longest are cut, and say so."""
    ended = 0
    for name in list(VALUES)[::3]:
        form = {"type": "json_schema", "json_schema": {"schema": SCHEMAS[name]}}
        events = await answer(nano, 120, response_format=form, **HOT)
        if ending(events) == "stop":
            ended += 1
            jsonschema.validate(json.loads(content(events)), SCHEMAS[name], jsonschema.Draft202012Validator)
    assert ended > 5


@pytest.mark.parametrize("length", [1023, 1024, 1025, 70_000, 1_000_000])
async def test_a_token_of_any_length_in_the_vocabulary_leaves_grammars_working(length: int) -> None:
    engine = ScriptedEngine(Script([ScriptedAnswer(["{", '"a', "b" * length, '": 1}'])]))
    events = await answer(engine, 50, response_format={"type": "json_object"})
    assert ending(events) == "stop"
    (name,) = json.loads(content(events))
    assert name == ("a" + "b" * length if length < 1024 else "a"), "one that is too long is not drawn"
