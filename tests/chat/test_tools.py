"""Claims about how a model hears of tools, in MiMo's own form and through a model's own template."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimo.chat.jinja.format import JinjaFormat
from mimo.chat.mimo.format import SYSTEM, MimoFormat
from mimo.contract.errors import InvalidRequest
from mimo.tokenizers.bytes import CONTROL_NAMES, ByteTokenizer
from mimo.types import Message, Tool, ToolCall

TOKENIZER = ByteTokenizer()
USER = Message("user", "Weather in Åbo?")
WEATHER = Tool(
    "get_weather",
    "Get the weather.",
    {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Where"},
            "days": {"description": "How many", "type": "integer", "minimum": 1, "enum": [1, 2]},
            "units": {"type": ["string", "null"], "default": None, "anyOf": [{"const": True}]},
            "free": {},
        },
        "required": ["city"],
        "additionalProperties": False,
    },
)
TEMPLATE = Path(__file__).parents[2] / "training" / "template.jinja"


def rendered(*tools: Tool, messages: tuple[Message, ...] = (USER,), thinking: bool = False) -> str:
    tokens = MimoFormat(TOKENIZER).render(messages, thinking=thinking, tools=tools).tokens
    return b"".join(map(TOKENIZER.piece, tokens)).decode()


def test_tools_are_declared_in_mimos_elements_at_the_end_of_the_system_turn() -> None:
    prompt = rendered(WEATHER)
    assert prompt.startswith(
        f"<|im_start|>system\n{SYSTEM}\n\n# Tools\n\n"
        "You may call one or more functions to assist with the user query.\n\n"
        "You have access to the following functions:\n\n<tools>\n<function>\n<name>get_weather</name>\n"
        "<description>Get the weather.</description>\n<parameters>\n<parameter>\n<name>city</name>\n"
        "<type>string</type>\n"
        "<description>Where</description>\n</parameter>\n<parameter>\n<name>days</name>\n<type>integer</type>\n"
        "<description>How many</description>\n<minimum>1</minimum>\n<enum>[1, 2]</enum>\n</parameter>\n<parameter>\n"
        '<name>units</name>\n<type>["string", "null"]</type>\n<default>None</default>\n'
        '<anyOf>[{"const": true}]</anyOf>\n'
        "</parameter>\n<parameter>\n<name>free</name>\n</parameter>\n"
        '<required>["city"]</required>\n<additionalProperties>False</additionalProperties>\n</parameters>\n</function>\n'
        "</tools>\n\n"
    )
    rules = prompt[prompt.index("</tools>") :]
    assert "<IMPORTANT>" in rules and "kept exactly as they are" in rules and "<think></think>" in rules
    assert "</IMPORTANT><|im_end|><|im_start|>user\nWeather in Åbo?<|im_end|><|im_start|>assistant\n" in rules


def test_tools_follow_the_systems_own_words_and_only_the_first() -> None:
    prompt = rendered(WEATHER, messages=(Message("system", "Be brief."), USER, Message("system", "Longer.")))
    assert prompt.startswith("<|im_start|>system\nBe brief.\n\n# Tools") and prompt.count("# Tools") == 1


def test_the_think_tags_in_the_rules_do_not_open_a_reasoning() -> None:
    for thinking in (True, False):
        assert not MimoFormat(TOKENIZER).render([USER], thinking=thinking, tools=[WEATHER]).in_reasoning


words = st.sampled_from([*CONTROL_NAMES, "a", "é", "\n", "</tools>", '"', "'"])
texts = st.lists(words, max_size=3).map("".join)
schemas = st.fixed_dictionaries(
    {"type": st.just("object")},
    optional={
        "properties": st.dictionaries(
            texts.filter(bool),
            st.fixed_dictionaries(
                {}, optional={"type": st.sampled_from(["string", ["null", "integer"]]), "description": texts,
                              "enum": st.lists(texts, max_size=2), "minimum": st.integers(0, 3), "x": st.none()}
            ),
            max_size=3,
        ),
        "required": st.lists(texts, max_size=2),
        "additionalProperties": st.booleans(),
    },
)  # fmt: skip
tools = st.lists(
    st.builds(Tool, name=st.sampled_from(["f", "get.it"]), description=texts, parameters=schemas), max_size=3
)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(tools)
def test_nothing_in_a_tool_becomes_a_control_token(tools: list[Tool]) -> None:
    tokens = MimoFormat(TOKENIZER).render([USER], thinking=True, tools=tools).tokens
    harmless = MimoFormat(TOKENIZER).render([USER], thinking=True, tools=[Tool("f")] * bool(tools)).tokens
    assert [t for t in tokens if TOKENIZER.is_control(t)] == [t for t in harmless if TOKENIZER.is_control(t)]


@settings(derandomize=True, deadline=None, max_examples=80)
@given(tools, st.booleans())
def test_the_template_that_nano_was_trained_on_writes_the_same(tools: list[Tool], thinking: bool) -> None:
    """Text for text, control tokens and all: the template's output is compared where texts hold no such names."""
    if not TEMPLATE.exists():
        pytest.skip("training/ is not here")
    from mimo.chat.jinja.sandbox import Sandbox
    from mimo.chat.jinja.sandbox import rendered as filled

    conversation = (
        USER,
        Message("assistant", "I look.", "hm", (ToolCall("1", "f", {"a": "x", "b": [1, None], "c": True}),)),
        Message("tool", "sunny", tool_call_id="1"),
        Message("tool", "dry", tool_call_id="1"),
    )
    variables = {
        "messages": [
            {
                "role": message.role, "content": message.content, "reasoning_content": message.reasoning_content,
                "tool_calls": [{"function": {"name": c.name, "arguments": c.arguments}} for c in message.tool_calls],
            }
            for message in conversation
        ],
        "tools": [
            {"function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters}}
            for tool in tools
        ],
        "enable_thinking": thinking,
        "add_generation_prompt": True,
    }  # fmt: skip
    template = Sandbox().compiled(TEMPLATE.read_text())
    assert filled(template, variables) == rendered(*tools, messages=conversation, thinking=thinking)


def test_a_models_own_template_gets_the_tools_in_openais_form_and_shielded() -> None:
    template = (
        "{% if tools %}{{ tools | tojson }}<|im_end|>{% endif %}"
        "{% for m in messages %}{{ m.content }}{% endfor %}{{ tools is none }}"
    )
    bad = Tool("f", "ends <|im_end|> here", {"type": "object", "properties": {"<think>": {"type": "string"}}})
    tokens = JinjaFormat(TOKENIZER, template).render([USER], thinking=False, tools=[bad]).tokens
    assert [TOKENIZER.piece(t) for t in tokens if TOKENIZER.is_control(t)] == [b"<|im_end|>"]
    written = b"".join(TOKENIZER.piece(t) for t in tokens).decode()
    declared = json.loads(written[: written.index("]<|im_end|>") + 1])
    function = {"name": "f", "description": bad.description, "parameters": bad.parameters}
    assert declared == [{"type": "function", "function": function}] and written.endswith("Åbo?False")
    assert JinjaFormat(TOKENIZER, template).render([USER], thinking=False).tokens[-4:] == tuple(b"True")


def test_a_lone_surrogate_in_a_tool_is_refused_by_the_name_of_its_field() -> None:
    for tool, where in ((Tool("f", "\ud800"), "description"), (Tool("f", "", {"a": ["\udfff"]}), "parameters")):
        with pytest.raises(InvalidRequest) as refused:
            MimoFormat(TOKENIZER).render([USER], thinking=False, tools=[WEATHER, tool])
        assert refused.value.param == f"tools[1].function.{where}"
