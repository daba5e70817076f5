"""Bodies of requests as hypothesis strategies: mostly what a client would send, any part of which may be anything."""

from __future__ import annotations

import json
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def some(**fields):
    """Objects with some of `fields`, any of which may also be anything."""
    return st.fixed_dictionaries({}, optional={name: strategy | values for name, strategy in fields.items()})


def lists(strategy):
    return st.lists(strategy | values, max_size=3)


text = st.text(max_size=12)
schema = st.sampled_from(
    [{"type": "object"}, {"type": "object", "properties": {"a": {"type": "string"}}}, {"$ref": "#"}]
)
name = st.sampled_from(["f", "g", "a b", ""])
call = some(
    id=name, type=st.just("function"), function=some(name=name, arguments=st.sampled_from(["{}", '{"a": 1}', "["]))
)
part = some(type=st.sampled_from(["text", "image_url", "input_text", "output_text"]), text=text)
kinds = st.sampled_from(["text", "image", "thinking", "redacted_thinking", "tool_use", "tool_result"])
block = some(
    type=kinds, text=text, thinking=text, id=name, name=name, input=st.just({}), tool_use_id=name, content=lists(part),
    is_error=st.booleans(), source=st.just({}),
)  # fmt: skip
item = some(
    type=st.sampled_from(["message", "reasoning", "function_call", "function_call_output", "item_reference"]),
    role=st.sampled_from(["user", "assistant", "system"]), content=text | lists(part), summary=lists(part),
    call_id=name, name=name, arguments=st.sampled_from(["{}", "["]), output=text,
)  # fmt: skip
function = some(name=name, description=text, parameters=schema, strict=st.booleans())
numbers = {
    "temperature": st.floats(0, 2), "top_p": st.floats(0, 1), "seed": st.integers(0, 9), "stream": st.booleans(),
    "logit_bias": st.just({"5": 1}),
}  # fmt: skip
BODIES = {
    "chat": some(
        messages=lists(some(
            role=st.sampled_from(["user", "assistant", "tool", "system"]), content=text | lists(part),
            tool_calls=lists(call), tool_call_id=name, reasoning_content=text,
        )),
        tools=lists(some(type=st.just("function"), function=function)), stop=lists(text),
        tool_choice=st.sampled_from(["auto", "required", {"type": "function", "function": {"name": "f"}}]),
        response_format=some(type=st.just("json_schema"), json_schema=some(name=name, schema=schema)),
        thinking=some(type=st.just("enabled"), budget_tokens=st.integers(0, 9)), **numbers,
    ),
    "anthropic": some(
        messages=lists(some(role=st.sampled_from(["user", "assistant"]), content=text | lists(block))),
        system=text | lists(block), max_tokens=st.integers(0, 9), stop_sequences=lists(text),
        tools=lists(some(name=name, description=text, input_schema=schema)),
        tool_choice=some(type=st.sampled_from(["auto", "any", "tool", "none"]), name=name),
        thinking=some(type=st.just("enabled"), budget_tokens=st.integers(0, 9)),
        output_config=some(format=some(type=st.just("json_schema"), schema=schema)), **numbers,
    ),
    "responses": some(
        input=text | lists(item), instructions=text, max_output_tokens=st.integers(0, 9),
        tools=lists(function.map(lambda held: {"type": "function", **held} if isinstance(held, dict) else held)),
        tool_choice=some(type=st.just("function"), name=name), reasoning=some(effort=st.sampled_from(["low", "none"])),
        text=some(format=some(type=st.just("json_schema"), name=name, schema=schema)),
        include=lists(st.just("message.output_text.logprobs")), top_logprobs=st.integers(0, 3), **numbers,
    ),
    "completions": some(
        prompt=text | lists(text) | st.lists(st.integers(0, 300), max_size=4) | lists(st.lists(st.integers(0, 300))),
        echo=st.booleans(), logprobs=st.integers(0, 30), max_tokens=st.integers(0, 9), **numbers,
    ),
}  # fmt: skip
MODELS = st.sampled_from(["mimo-v2-flash", "mimo-v2-pro"])


def check_of(target: str, examples: int) -> Callable[[], None]:
    """A hypothesis test of `target` on its bodies; its `hypothesis.fuzz_one_input` takes bytes to make one from."""

    @settings(max_examples=examples, deadline=None, database=None)
    @given(BODIES[target], MODELS)
    def check(body: object, model: str) -> None:
        TARGETS[target](json.dumps({"model": model, **body} if isinstance(body, dict) else body).encode())

    return check
