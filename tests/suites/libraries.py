"""Libraries of others against a running server: `python libraries.py URL`, in an environment that has them.

Each claim prints one line of JSON: its name, and what was wrong ("" for nothing).
"""

# mypy: ignore-errors
from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

import anthropic
import instructor
import litellm
import openai
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

URL = sys.argv[1]
BASE = f"{URL}/v1"
MODEL = "mimo-v2-flash"
PLACE = {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": PLACE}}]


class Joke(BaseModel):
    setup: str
    punchline: str


def claim(name: str, tried: Callable[..., Any], *given: Any) -> None:
    try:
        problem = "" if tried(*given) else "the answer is not what the model said"
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
    print(json.dumps({"claim": name, "problem": problem}), flush=True)


def litellm_streams_what_it_answers(model: str, base: str, text: str) -> bool:
    asked = {
        "model": model, "api_base": base, "api_key": "none", "tools": TOOLS, "num_retries": 0,
        "messages": [{"role": "user", "content": text}],
    }  # fmt: skip
    whole = litellm.completion(**asked).choices[0].message
    pieces = list(litellm.completion(**asked, stream=True, stream_options={"include_usage": True}))
    built = litellm.stream_chunk_builder(pieces).choices[0].message
    calls, streamed = (
        [(call.function.name, json.loads(call.function.arguments)) for call in one.tool_calls or []]
        for one in (whole, built)
    )
    return bool((whole.content or None, calls) == (built.content or None, streamed) and (whole.content or calls))


def agent(model: Any) -> Agent:
    made = Agent(model)

    @made.tool_plain
    def get_weather(location: str) -> str:
        return f"sunny in {location}"

    return made


async def last_text(model: Any) -> str:
    async with agent(model).run_stream("San Francisco") as answer:
        return [text async for text in answer.stream_text()][-1]


for text in ("Say hello", "San Francisco"):
    for name, base in ((f"openai/{MODEL}", BASE), (f"anthropic/{MODEL}", URL)):
        claim(f"litellm {name} {text}", litellm_streams_what_it_answers, name, base, text)
claim(
    "litellm responses",
    lambda: litellm.responses(model=f"openai/{MODEL}", api_base=BASE, api_key="none", input="Say hello").output,
)

provider = OpenAIProvider(base_url=BASE, api_key="none")
for model in (OpenAIChatModel(MODEL, provider=provider), OpenAIResponsesModel(MODEL, provider=provider)):
    kind = type(model).__name__
    claim(f"pydantic-ai {kind}", lambda model: agent(model).run_sync("San Francisco").output == "It is sunny.", model)
    claim(f"pydantic-ai {kind} streams", lambda model: asyncio.run(last_text(model)) == "It is sunny.", model)
    claim(
        f"pydantic-ai {kind} typed", lambda model: Agent(model, output_type=Joke).run_sync("joke").output.setup, model
    )


def joke(client: Any, **more: Any) -> str:
    messages = [{"role": "user", "content": "joke"}]
    return client.create(model=MODEL, response_model=Joke, messages=messages, max_retries=0, **more).setup


gpt = openai.OpenAI(base_url=BASE, api_key="none", max_retries=0)
claude = anthropic.Anthropic(base_url=URL, api_key="none", max_retries=0)
modes = instructor.Mode
for mode in (modes.TOOLS, modes.JSON, modes.JSON_SCHEMA, modes.RESPONSES_TOOLS):
    claim(f"instructor {mode.name}", joke, instructor.from_openai(gpt, mode=mode))
for mode in (modes.ANTHROPIC_TOOLS, modes.ANTHROPIC_JSON):
    client = instructor.from_anthropic(claude, mode=mode, max_tokens=999)
    claim(f"instructor {mode.name}", joke, client)
