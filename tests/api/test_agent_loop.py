"""Agents on nano, with the unchanged SDKs: two tools, five turns, and every call fits its schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anthropic
import jsonschema
import openai
import pytest

from mimo.testing import served

DAYS = {"type": "integer", "minimum": 1, "maximum": 7}
NUMBER = {"type": "integer", "minimum": -99, "maximum": 99}
SCHEMAS = {
    "get_weather": {
        "type": "object",
        "properties": {"city": {"enum": ["Bern", "Kyoto", "São Paulo"]}, "days": DAYS},
        "required": ["city", "days"],
        "additionalProperties": False,
    },
    "calculate": {
        "type": "object",
        "properties": {"operation": {"enum": ["add", "multiply"]}, "a": NUMBER, "b": NUMBER},
        "required": ["operation", "a", "b"],
        "additionalProperties": False,
    },
}
TOOLS = [
    {"type": "function", "function": {"name": name, "description": f"The tool {name}.", "parameters": schema}}
    for name, schema in SCHEMAS.items()
]
DO: dict[str, Callable[..., object]] = {
    "get_weather": lambda city, days: {"city": city, "temperatures": [3] * days},
    "calculate": lambda operation, a, b: {"result": a + b if operation == "add" else a * b},
}
TURNS = ["required", {"type": "function", "function": {"name": "calculate"}}, "required", "required", "none"]


@pytest.fixture(scope="module")
def address():
    with served("--context-window", "4096", "--threads", "1") as (address, _):
        yield address


@pytest.fixture(scope="module")
def client(address):
    with openai.OpenAI(base_url=f"{address}/v1", api_key="unused", max_retries=0, timeout=600) as client:
        yield client


@pytest.mark.parametrize("thinking", [False, True], ids=["plain", "thinking"])
def test_an_agent_goes_five_turns_with_two_tools(client, thinking):
    messages = [{"role": "user", "content": "Is it warmer in Bern or in Kyoto? Use the tools."}]
    used = []
    for turn, choice in enumerate(TURNS):
        fields = {
            "model": "mimo-v2-flash", "messages": messages, "tools": TOOLS, "tool_choice": choice, "seed": 7 + turn,
            "max_completion_tokens": 300, "reasoning_effort": "low" if thinking else "none",
            "extra_body": {"thinking": {"type": "enabled", "budget_tokens": 40}} if thinking else {},
            "parallel_tool_calls": turn == 3,
        }  # fmt: skip
        if turn % 2:  # streamed and not, in turn
            with client.chat.completions.stream(**fields) as stream:
                stream.until_done()
                answer = stream.get_final_completion().choices[0]
        else:
            answer = client.chat.completions.create(**fields).choices[0]
        calls = answer.message.tool_calls or []
        messages.append(answer.message.model_dump(exclude_none=True, exclude={"parsed", "annotations"}))
        if choice == "none":
            assert not calls and answer.finish_reason in ("stop", "length") and answer.message.content
            continue
        assert calls and (len(calls) == 1 or turn == 3)
        assert answer.finish_reason == "tool_calls"
        for call in calls:
            arguments = json.loads(call.function.arguments)
            jsonschema.validate(arguments, SCHEMAS[call.function.name])
            used.append(call.function.name)
            result = json.dumps(DO[call.function.name](**arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    assert used[1] == "calculate" and len(used) >= 4


def test_an_agent_on_the_anthropic_protocol(address):
    tools = [{"name": name, "description": f"The tool {name}.", "input_schema": held} for name, held in SCHEMAS.items()]
    alone = {"disable_parallel_tool_use": True}  # nano would go on calling
    choices: list[dict[str, Any]] = [
        {"type": "any", **alone},
        {"type": "tool", "name": "calculate", **alone},
        {"type": "none"},
    ]
    messages = [{"role": "user", "content": "Is it warmer in Bern or in Kyoto? Use the tools."}]
    thinking = {"type": "enabled", "budget_tokens": 30}
    fields: dict[str, Any] = {"model": "mimo-v2-flash", "tools": tools, "max_tokens": 200, "thinking": thinking}
    fields["extra_body"] = {"seed": 5}
    with anthropic.Anthropic(base_url=address, api_key="unused", max_retries=0, timeout=600) as client:
        for choice in choices:
            with client.messages.stream(**fields, messages=messages, tool_choice=choice) as stream:
                message = stream.get_final_message()
            messages.append({"role": "assistant", "content": message.content})
            uses = [block for block in message.content if block.type == "tool_use"]
            if choice["type"] == "none":
                assert not uses and message.stop_reason in ("end_turn", "max_tokens")
                break
            assert uses and message.stop_reason == "tool_use"
            results = []
            for use in uses:
                jsonschema.validate(use.input, SCHEMAS[use.name])
                text = json.dumps(DO[use.name](**use.input))
                results.append({"type": "tool_result", "tool_use_id": use.id, "content": text})
            messages.append({"role": "user", "content": results})


def test_an_agent_on_the_responses_api(client):
    tools = [
        {"type": "function", "name": name, "description": "", "parameters": held, "strict": True}
        for name, held in SCHEMAS.items()
    ]
    items = [{"role": "user", "content": "Is it warmer in Bern or in Kyoto? Use the tools."}]
    for choice in ["required", {"type": "function", "name": "get_weather"}, "required", "none"]:
        fields = {"model": "mimo-v2-flash", "input": items, "tools": tools, "tool_choice": choice}
        fields |= {"max_output_tokens": 200, "reasoning": {"effort": "none"}, "parallel_tool_calls": False}
        fields["extra_body"] = {"seed": 5}
        last = list(client.responses.create(**fields, stream=True))[-1]
        response = last.response
        assert last.type == "response.completed" or choice == "none"
        items += [item.model_dump(exclude_none=True) for item in response.output]
        calls = [item for item in response.output if item.type == "function_call"]
        assert bool(calls) is (choice != "none")
        for call in calls:
            arguments = json.loads(call.arguments)
            jsonschema.validate(arguments, SCHEMAS[call.name])
            output = json.dumps(DO[call.name](**arguments))
            items.append({"type": "function_call_output", "call_id": call.call_id, "output": output})
